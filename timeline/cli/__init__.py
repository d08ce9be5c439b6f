"""The command line, a module for what belongs together.

running   around every command          serve   the service
brief     the week in words             maintain   migrate, rebuild, check
load      others' data                  token      who may do what
relay     the feed into NATS            speak      to a running service
shown     what it answers, for people

Exit codes: 0 done, for `serve` also stopped · 1 a check found faults, or the work failed · 2 the command or a setting
is wrong, or the port is taken · 130 interrupted. Imports stand in functions so that --help waits for none of them.
"""

import rich_click as click

from timeline import __version__
from timeline.cli import brief, load, maintain, relay, serve, speak, token


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="timeline")
def main() -> None:
    """Timeline: who said what happened, where each claim stands, and what we knew when.

    Every option is also an environment variable: TIMELINE_PORT for --port. Those without an option are in the README.
    """


COMMANDS = (
    *(serve.serve, load.load, brief.brief, relay.relay),
    *(speak.post, speak.show, speak.week, speak.watch, speak.completion),
    *(maintain.migrate, maintain.rebuild, maintain.check, token.token),
)

for command in COMMANDS:
    main.add_command(command)
