"""Install Debian packages where we may, and say which command would where we may not.

``python3 tools/debian.py tex browser`` installs what the PDF and the tests of the pages need and
this machine lacks; with ``--say``, it only names the command.  Standard library only, since it runs
before .venv is there.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

SHARE = Path("/usr/share")
# What shows that a package is there: a program, or a file below SHARE.
TEX = {
    "texlive-xetex": "xelatex",
    "texlive-latex-extra": "texlive/texmf-dist/tex/latex/titling/titling.sty",
    "texlive-fonts-recommended": "texlive/texmf-dist/tex/latex/psnfss/t1phv.fd",
    "latexmk": "latexmk",
    "fonts-texgyre": "texmf/fonts/opentype/public/tex-gyre/texgyrepagella-regular.otf",
    "fonts-texgyre-math": "texmf/fonts/opentype/public/tex-gyre-math/texgyrepagella-math.otf",
    "fonts-dejavu-core": "fonts/truetype/dejavu/DejaVuSansMono.ttf",
    "fonts-dejavu-extra": "fonts/truetype/dejavu/DejaVuSansMono-Oblique.ttf",
    "librsvg2-bin": "rsvg-convert",
}
BROWSER = {"chromium": "chromium"}
SETS = {"tex": TEX, "browser": BROWSER}


def ask(*command):
    """Return what a command prints, or None if it fails."""
    try:
        done = subprocess.run(
            [str(part) for part in command],
            check=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            timeout=600,
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip()


def may_install():
    """Return the words to put before a command of root's, or None where there are none."""
    sudo = [] if os.geteuid() == 0 else ["sudo", "-n"]
    return sudo if shutil.which("apt-get") and ask(*sudo, "true") is not None else None


def install(packages):
    """Install packages, or exit with the command that would."""
    names, sudo, by_hand = " ".join(packages), may_install(), command_for(packages)
    if sudo is None:
        sys.exit(f"Missing: {names}. Install with: {by_hand}")
    print(f"Installing with apt-get: {names}", flush=True)
    command = ["install", "--yes", "--no-install-recommends", *packages]
    for action in (["update"], command):
        if ask(*sudo, "env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "-q", *action) is None:
            sys.exit(f"apt-get {action[0]} failed; try: {by_hand}")


def command_for(packages):
    return f"sudo apt-get install --no-install-recommends {' '.join(packages)}"


def missing(kind):
    """Return the packages of a set that this machine lacks."""
    return [
        package
        for package, sign in SETS[kind].items()
        if not ((SHARE / sign).exists() if "/" in sign else shutil.which(sign))
    ]


if __name__ == "__main__":
    kinds = [word for word in sys.argv[1:] if word != "--say"]
    lacking = [package for kind in kinds for package in missing(kind)]
    if lacking and "--say" in sys.argv:
        print(f"Install with: {command_for(lacking)}")
    elif lacking:
        install(lacking)
