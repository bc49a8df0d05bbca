"""A Jupyter kernel to run cells in, as a program does and as a person does."""

import sys

from jupyter_client.manager import KernelManager


class Kernel:
    """A kernel of this Python; use it as a context manager."""

    def __enter__(self):
        self.manager = KernelManager(kernel_name="python3")
        self.manager.kernel_spec.argv[0] = sys.executable
        self.manager.start_kernel()
        self.client = self.manager.blocking_client()
        self.client.start_channels()
        self.client.wait_for_ready(timeout=60)
        return self

    def __exit__(self, *error):
        self.client.stop_channels()
        self.manager.shutdown_kernel()  # it may write its coverage first

    def run(self, source, live=False):
        """Run a cell; return its output messages as (type, content), raising the cell's error."""
        sent = []
        options = {"allow_stdin": live, "stop_on_error": False, "output_hook": sent.append}
        reply = self.client.execute_interactive(source, **options)["content"]
        assert reply["status"] == "ok", "\n".join(reply["traceback"])
        messages = [(message["msg_type"], message["content"]) for message in sent]
        return [each for each in messages if each[0] not in ("status", "execute_input")]
