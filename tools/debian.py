"""Install Debian packages if permitted, and otherwise print the command that would.

``python3 -m tools.debian tex browser`` installs what the PDF and the tests of the pages need and
this machine lacks, and fails if something is still missing; with ``--say`` it names the missing
packages and the command.  Standard library only, because it runs before .venv exists.
"""

import importlib.util
import os
import shutil
import subprocess
import sys
from pathlib import Path

SHARE = Path("/usr/share")
# What shows that a package is installed: a program, or a file below SHARE.
SETS = {
    "tex": {
        "texlive-xetex": "xelatex",
        "texlive-latex-extra": "texlive/texmf-dist/tex/latex/titling/titling.sty",
        "texlive-fonts-recommended": "texlive/texmf-dist/tex/latex/psnfss/t1phv.fd",
        "latexmk": "latexmk",
        "fonts-texgyre": "texmf/fonts/opentype/public/tex-gyre/texgyrepagella-regular.otf",
        "fonts-texgyre-math": "texmf/fonts/opentype/public/tex-gyre-math/texgyrepagella-math.otf",
        "fonts-dejavu-core": "fonts/truetype/dejavu/DejaVuSansMono.ttf",
        "fonts-dejavu-extra": "fonts/truetype/dejavu/DejaVuSansMono-Oblique.ttf",
        "librsvg2-bin": "rsvg-convert",
    },
    "browser": {"chromium": "chromium"},
}
WITHOUT = {"tex": "there is no PDF, and its tests are skipped", "browser": "tests are skipped"}
TORCH = "PyTorch is missing: its cells keep stored outputs, its tests are skipped. Fix: make torch"


def ask(*command):
    """Return what a command prints, or None if it fails."""
    words, quiet = [str(part) for part in command], subprocess.DEVNULL
    try:
        return subprocess.check_output(words, stderr=quiet, text=True, timeout=600).strip()
    except (OSError, subprocess.SubprocessError):
        return None


def install(packages):
    """Install packages, each by itself; return those that could not be."""
    sudo = [] if os.geteuid() == 0 else ["sudo", "-n"]
    if not packages or not shutil.which("apt-get") or ask(*sudo, "true") is None:
        return packages
    print(f"Installing with apt-get: {' '.join(packages)}", flush=True)
    apt = [*sudo, "env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "-q"]
    ask(*apt, "update")
    command = [*apt, "install", "--yes", "--no-install-recommends"]
    if ask(*command, *packages) is not None:  # in one go, that is faster
        return []
    return [package for package in packages if ask(*command, package) is None]


def by_hand(packages):
    return f"sudo apt-get install --no-install-recommends {' '.join(packages)}"


def missing(kind):
    """Return the packages of a set that this machine lacks."""
    return [
        package
        for package, sign in SETS[kind].items()
        if not ((SHARE / sign).exists() if "/" in sign else shutil.which(sign))
    ]


def main(kinds):
    """Install what sets lack, or only say so; return the exit status."""
    lacking = {kind: missing(kind) for kind in kinds if kind in SETS}
    if "--say" not in kinds:
        return int(bool(install([name for packages in lacking.values() for name in packages])))
    for kind, packages in lacking.items():
        if packages:
            print(f"Missing, so {WITHOUT[kind]}: {', '.join(packages)}. {by_hand(packages)}")
    if "torch" in kinds and importlib.util.find_spec("torch") is None:
        print(TORCH)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
