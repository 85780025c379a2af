"""The terminals of this home's JupyterLab: `docker` and `voltutor` typed there act on the engine of the lab in front.

A kernel writes down which lab the learner has in front (`lead`); scripts named `docker` and `voltutor`, first on the
terminal's PATH, read it at each call, so that subshells and scripts follow too. Who sets DOCKER_HOST, DOCKER_CONTEXT
or VOLTUTOR_ENGINE by hand is left alone.
"""

from __future__ import annotations

import os
import shlex
import shutil
import stat
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from voltutor.engine import BEFORE, LED
from voltutor.home import locked, write_atomically
from voltutor.text import printable

FRONT = "VOLTUTOR_FRONT"
"""Names the file that says which lab is in front. Where it is set, the terminals are ours, and follow."""

LED_ENGINE = "VOLTUTOR_LED_ENGINE"
"""The VOLTUTOR_ENGINE that was set here, as LED is the DOCKER_HOST: one that differs is the learner's own."""

NOT_HANDED_ON = ("DOCKER_HOST", "DOCKER_CONTEXT", LED, BEFORE, LED_ENGINE)
"""What leads the docker command. A server hands none of it on: in a terminal it is the learner's to set."""


@dataclass(frozen=True)
class Front:
    """The lab that the learner has in front.

    Attributes:
        url: its engine's, as DOCKER_HOST takes it.
        engine: the same as VOLTUTOR_ENGINE takes it; "embedded" for this home's own, which starts when it is needed.
        said: lab and engine in a few words, for the prompt.
        at: when it came to the front, in ms since 1970 by the page's clock; 0 where no page has told.
    """

    url: str
    engine: str
    said: str
    at: int = 0


def folder(home: Path) -> Path:
    """Where the scripts lie, and what they read."""
    return home / "terminal"


def front(home: Path) -> Front | None:
    """The lab in front, if one has been yet."""
    try:
        at, url, engine, said = (folder(home) / "front").read_text(encoding="utf-8").splitlines()
        return Front(url, engine, said, int(at))
    except (OSError, ValueError):
        return None


def lead(home: Path, wanted: Front, *, anew: bool = False) -> bool:
    """Lead the terminals to a lab's engine, unless another lab came to the front later; whether they go there. `anew`
    for a server that begins, whatever an earlier one's pages have told.

    Raises:
        DiskTrouble: it can't be written down.
    """
    lines = [str(wanted.at), wanted.url, wanted.engine, printable(wanted.said)]
    if any(len(line.splitlines()) > 1 for line in lines):
        return False  # a path with a line break can't be told line by line
    with locked(folder(home) / "lock"):
        before = front(home)
        if before and before.at > wanted.at and not anew:
            return False
        write_atomically(folder(home) / "front", "\n".join(lines) + "\n")
    return True


def follows(env: Mapping[str, str] = os.environ) -> bool:
    """Whether the terminals beside this kernel follow the lab in front."""
    return bool(env.get(FRONT))


def variables(home: Path) -> dict[str, str]:
    """What a server adds to its environment, so that its terminals follow."""
    return {FRONT: str(folder(home) / "front")}


def shell(home: Path) -> list[str]:
    """Write the scripts anew, and tell what starts an interactive shell that follows: bash, or sh where there is no
    bash. No login shell: that one would set PATH anew, and `voltutor` would be gone from it."""
    where = folder(home)
    (where / "bin").mkdir(parents=True, exist_ok=True)
    names = {"@bin@": where / "bin", "@lead@": where / "lead.sh", "@front@": where / "front"}
    for name, text in (("lead.sh", LEAD), ("bashrc", BASHRC), ("shrc", SHRC)):
        write_atomically(where / name, _filled(text, names))
    for name in ("docker", "voltutor"):
        path = where / "bin" / name
        write_atomically(path, _filled(PROGRAM, {**names, "@name@": name}))
        path.chmod(path.stat().st_mode | stat.S_IXUSR)
    if bash := shutil.which("bash"):
        return [bash, "--rcfile", str(where / "bashrc"), "-i"]
    return ["/usr/bin/env", f"ENV={where / 'shrc'}", shutil.which("sh") or "/bin/sh", "-i"]


def _filled(text: str, names: Mapping[str, object]) -> str:
    for mark, value in names.items():
        text = text.replace(mark, shlex.quote(str(value)))
    return text


LEAD = """\
# Sets DOCKER_HOST and VOLTUTOR_ENGINE to those of the lab in front, where they aren't the learner's own.
vt_said=
if { IFS= read -r vt_at && IFS= read -r vt_url && IFS= read -r vt_engine && IFS= read -r vt_said; } \\
  2>/dev/null <@front@; then
  if [ "${DOCKER_HOST-}" = "${VOLTUTOR_LED-}" ] && [ -z "${DOCKER_CONTEXT-}" ]; then
    DOCKER_HOST=$vt_url VOLTUTOR_LED=$vt_url
    export DOCKER_HOST VOLTUTOR_LED
  else
    [ "${DOCKER_HOST-}" = "${VOLTUTOR_LED-}" ] && unset DOCKER_HOST VOLTUTOR_LED
    vt_said=${DOCKER_HOST:-${DOCKER_CONTEXT-}}
  fi
  if [ "${VOLTUTOR_ENGINE-}" = "${VOLTUTOR_LED_ENGINE-}" ]; then
    VOLTUTOR_ENGINE=$vt_engine VOLTUTOR_LED_ENGINE=$vt_engine
    export VOLTUTOR_ENGINE VOLTUTOR_LED_ENGINE
  fi
fi
"""

PROGRAM = """\
#!/bin/sh
# The program of this name, on the engine of the lab in front.
. @lead@
set -f
IFS=:
for vt_folder in $PATH; do
  # Not this one, nor another home's, nor either by another path.
  [ -f "$vt_folder/../lead.sh" ] && continue
  if [ -f "$vt_folder/"@name@ ] && [ -x "$vt_folder/"@name@ ]; then
    unset IFS
    # This home's own engine ends when it is idle and empty, and starts when it is needed.
    if [ @name@ = docker ] && [ "${VOLTUTOR_LED_ENGINE-}" = embedded ] \\
      && [ "${DOCKER_HOST-}" = "${VOLTUTOR_LED-}" ] && [ ! -S "${DOCKER_HOST#unix://}" ]; then
      voltutor engine start >/dev/null
    fi
    # A socket asks for no certificates, which another engine may need.
    case ${DOCKER_HOST-} in unix:*) unset DOCKER_TLS DOCKER_TLS_VERIFY DOCKER_CERT_PATH ;; esac
    exec "$vt_folder/"@name@ "$@"
  fi
done
echo @name@": command not found" >&2
exit 127
"""

SHRC = """\
# The learner's own shell, which follows the lab in front.
PATH=@bin@:$PATH
export PATH
. @lead@
vt_prompt() { . @lead@; printf '%s$ ' "${vt_said:+[$vt_said] }"; }
PS1='$(vt_prompt)'
"""

BASHRC = """\
# The learner's own shell, which follows the lab in front.
vt_path=@bin@:$PATH
PATH=$vt_path
export PATH
[ -r /etc/bash.bashrc ] && . /etc/bash.bashrc
[ -r ~/.bashrc ] && . ~/.bashrc
# Whatever these put on PATH, `docker` and `voltutor` are found where this server was started from.
case $PATH in @bin@:*) ;; *) PATH=$vt_path:$PATH ;; esac
unalias docker voltutor 2>/dev/null
unset -f docker voltutor
vt_follow() { local vt_last=$?; . @lead@; return $vt_last; }
PROMPT_COMMAND="vt_follow${PROMPT_COMMAND:+; $PROMPT_COMMAND}"
PS1='${vt_said:+[$vt_said] }'"$PS1"
"""
