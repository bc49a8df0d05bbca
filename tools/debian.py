"""Install Debian packages if permitted, and otherwise print the command that would.

``python3 -m tools.debian tex browser`` installs what the PDF and the tests of the pages need and
this machine lacks, and names what is still missing; with ``--say`` it installs nothing.  Standard
library only, because it runs before .venv exists.
"""

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
    "browser": {"chromium": "chromium", "firefox-esr": "firefox-esr"},
}
WITHOUT = {"tex": "there is no PDF, and its tests are skipped", "browser": "tests are skipped"}


def ask(*command):
    """Return what a command prints, or None if it fails."""
    words, quiet = [str(part) for part in command], subprocess.DEVNULL
    try:
        return subprocess.check_output(words, stderr=quiet, text=True, timeout=600).strip()
    except (OSError, subprocess.SubprocessError):
        return None


def install(packages):
    """Install packages; return those that could not be."""
    sudo = [] if os.geteuid() == 0 else ["sudo", "-n"]
    if not packages or not shutil.which("apt-get") or ask(*sudo, "true") is None:
        return packages
    print(f"Installing with apt-get: {' '.join(packages)}", flush=True)
    apt = [*sudo, "env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "-q"]
    ask(*apt, "update")
    done = ask(*apt, "install", "--yes", "--no-install-recommends", *packages)
    return packages if done is None else []


def by_hand(packages):
    return f"sudo apt-get install --no-install-recommends {' '.join(packages)}"


def missing(kind):
    """Return the packages of a set that this machine lacks."""
    return [
        package
        for package, sign in SETS[kind].items()
        if not ((SHARE / sign).exists() if "/" in sign else shutil.which(sign))
    ]


def main(arguments):
    """Install what sets lack, each by itself, or only say so; return the exit status."""
    status = 0
    for kind in (each for each in arguments if each in SETS):
        lacking = missing(kind)
        if "--say" not in arguments:
            lacking = install(lacking)
        if lacking:
            print(f"Missing, so {WITHOUT[kind]}: {', '.join(lacking)}. {by_hand(lacking)}")
            status = 1
    return status


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
