"""`zigzag completion`: a script for a shell, with all commands and options. It asks the project for its tasks
only.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, Any

import typer

from zigzag_cli.answer import answer
from zigzag_cli.completing import ASKED

_TASK = "task"
"""The name of arguments and options that take a task."""


class Shell(StrEnum):
    BASH = "bash"
    ZSH = "zsh"
    FISH = "fish"


@dataclass(frozen=True, slots=True)
class Command:
    """A command as a shell sees it.

    path        -- its words, such as `dead-letters show`; none for zigzag itself.
    subcommands -- with their help, and `options`, by their names, each with its help and whether it takes a
                   value.
    takes_task  -- whether its first argument is a task.
    """

    path: str
    help: str
    subcommands: dict[str, str]
    options: dict[str, tuple[str, bool]]
    takes_task: bool


def completion(
    context: typer.Context, shell: Annotated[Shell, typer.Argument(help="The shell.", show_default=False)]
) -> None:
    """Prints the script that completes commands, options and tasks in a shell. Renew it after an upgrade.

    bash: ./zigzag completion bash > ~/.local/share/bash-completion/completions/zigzag

    zsh: ./zigzag completion zsh > ~/.zigzag-completion, and in ~/.zshrc: source ~/.zigzag-completion

    fish: ./zigzag completion fish > ~/.config/fish/completions/zigzag.fish
    """
    commands = [*_commands(context.find_root().command, "")]
    answer({}, False, _fish(commands) if shell is Shell.FISH else _bash(commands, shell))


def _commands(command: Any, path: str) -> Iterator[Command]:
    below = {name: one for name, one in getattr(command, "commands", {}).items() if not one.hidden}
    options = {"--help": ("Show this message and exit.", False)}
    arguments = []
    for one in command.params:
        if one.param_type_name == "argument":
            arguments.append(one.name)
        else:
            options |= dict.fromkeys(one.opts, (one.help or "", not one.is_flag))
    default = getattr(command, "commands", {}).get("list")  # `dead-letters --task pay` is its `list`
    if default is not None:
        options |= next(_commands(default, path)).options
    names = {name: _line(one) for name, one in below.items()}
    if path == completion.__name__:
        names = dict.fromkeys(map(str, Shell), "")
    yield Command(path, _line(command), names, options, arguments[:1] == [_TASK])
    for name, one in below.items():
        yield from _commands(one, f"{path} {name}".strip())


def _line(command: Any) -> str:
    """Returns the first sentence of a command's help."""
    return re.split(r"(?<=[a-z])[.:](?: |$)", (command.help or "").strip().replace("\n", " "))[0]


def _bash(commands: list[Command], shell: Shell) -> str:
    paths = "|".join(f'" {one.path}"' for one in commands if one.path)
    cases = "\n".join(
        f"    {shlex.quote(one.path)}) said={shlex.quote(' '.join([*one.subcommands, *one.options]))} ;;"
        for one in commands
    )
    with_value = {name for one in commands for name, (_, takes) in one.options.items() if takes}
    values = "|".join(sorted(with_value - {f"--{_TASK}"}))
    tasks = "|".join(shlex.quote(one.path) for one in commands if one.takes_task)
    begin = _ZSH if shell is Shell.ZSH else ""
    return begin + _BASH.format(
        paths=paths, cases=cases, values=values, tasks=tasks, ask=" ".join(ASKED), option=f"--{_TASK}"
    )


_ZSH = """autoload -Uz compinit bashcompinit
(( $+functions[compdef] )) || compinit
bashcompinit
"""

_BASH = """# Not `path` and `words`: zsh has a meaning for both.
_zigzag() {{
  local current="${{COMP_WORDS[COMP_CWORD]}}" before="${{COMP_WORDS[COMP_CWORD-1]}}"
  local at="" said="" i
  for ((i = 1; i < COMP_CWORD; i++)); do
    case " ${{at:+$at }}${{COMP_WORDS[i]}}" in
    {paths}) at="${{at:+$at }}${{COMP_WORDS[i]}}" ;;
    esac
  done
  case "$at" in
{cases}
  esac
  case "$before" in
    {values}) said="" ;;
    {option}) said=$("${{COMP_WORDS[0]}}" {ask} 2>/dev/null) ;;
  esac
  case "$at" in
    {tasks})
      if [ "$before" = "${{at##* }}" ]; then
        said="$said $("${{COMP_WORDS[0]}}" {ask} 2>/dev/null)"
      fi ;;
  esac
  COMPREPLY=($(compgen -W "$said" -- "$current"))
}}
complete -o default -F _zigzag zigzag"""


def _fish(commands: list[Command]) -> str:
    paths = " ".join(f"'{one.path}'" for one in commands if one.path)
    lines = [_FISH.format(paths=paths, ask=" ".join(ASKED))]
    for one in commands:
        when = f"-n '__zigzag_at \"{one.path}\"'"
        for name, help in one.subcommands.items():
            lines.append(f"complete -c zigzag {when} -a {name} -d {_quoted(help)}")
        if one.takes_task:
            lines.append(f"complete -c zigzag {when} -a '(__zigzag_tasks)' -d task")
        for name, (help, takes) in one.options.items():
            flag = f"-l {name[2:]}" if name.startswith("--") else f"-s {name[1:]}"
            value = " -x -a '(__zigzag_tasks)'" if name == f"--{_TASK}" else " -r" if takes else ""
            lines.append(f"complete -c zigzag {when} {flag}{value} -d {_quoted(help)}")
    return "\n".join(lines)


_FISH = """function __zigzag_at
    set -l path
    for word in (commandline -opc)[2..-1]
        contains -- (string join -- ' ' $path $word) {paths}; and set -a path $word
    end
    test "$path" = "$argv[1]"
end
function __zigzag_tasks
    set -l zigzag (commandline -opc)[1]
    $zigzag {ask} 2>/dev/null
end
complete -c zigzag -f"""


def _quoted(text: str) -> str:
    """Returns the text as fish quotes it."""
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"
