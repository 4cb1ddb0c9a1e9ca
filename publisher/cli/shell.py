"""`publisher completion` and `publisher help`: what a shell and its user ask of the program
itself."""

import click

from publisher.cli import publisher
from publisher.cli.common import echo, show_help
from publisher.cli.help import HelpFormatter, command, did_you_mean
from publisher.core.errors import UsageError


@command(
    examples=(
        ("Complete commands in this shell", 'eval "$(publisher completion bash)"'),
        ("In fish", "publisher completion fish > ~/.config/fish/completions/publisher.fish"),
    )
)
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def completion(shell: str) -> None:
    """Print the script that completes commands, options, lists, feeds and posts in your shell.

    Put `eval "$(publisher completion bash)"` in ~/.bashrc, or the same with zsh in ~/.zshrc. For fish, write
    the output to ~/.config/fish/completions/publisher.fish.
    """
    from click.shell_completion import get_completion_class

    maker = get_completion_class(shell)
    if maker is None:
        raise click.UsageError(f"no completion for {shell}")
    echo(maker(publisher, {}, "publisher", "_PUBLISHER_COMPLETE").source())


@command(
    examples=(
        ("Help on a command", "publisher help mailings list"),
        ("Help on a topic", "publisher help times"),
        ("Read a manual page", "publisher help --man publish | man -l -"),
    )
)
@click.argument("words", nargs=-1, metavar="[COMMAND...|TOPIC]")
@click.option("--man", is_flag=True, help="Print the manual page of a command, for man(1).")
@click.pass_context
def help(ctx: click.Context, words: tuple[str, ...], man: bool) -> None:
    """Show the help of a command, like its --help, or of a topic: times, output, site, exit-codes.

    A package installed with pip has the manual pages too: man publisher, man publisher-publish.
    """
    from publisher.cli.reference import TOPICS, man_pages, write_topic  # completion does without them

    if man:
        pages = man_pages()
        name = "-".join(("publisher", *words))
        if name not in pages:
            there = [page.removeprefix("publisher-") for page in pages if page != "publisher"]
            raise UsageError(
                "help --man", f"no page {' '.join(words)!r}", did_you_mean(" ".join(words), there)
            )
        echo(pages[name], nl=False)
        return
    if len(words) == 1 and words[0] in TOPICS:
        formatter = HelpFormatter()
        write_topic(TOPICS[words[0]][1], formatter)
        echo(formatter.getvalue(), nl=False)
        return
    found, context = ctx.find_root().command, ctx.find_root()
    for word in words:
        if not isinstance(found, click.Group):
            raise click.UsageError(f"{context.command_path} has no commands of its own")
        called, inner, _ = found.resolve_command(context, [word])
        if inner is None:
            raise click.UsageError(f"no command {word!r}")
        found, context = inner, inner.context_class(inner, info_name=called, parent=context)
    show_help(found, context)
    if not words:
        formatter = HelpFormatter()
        with formatter.section("Topics (publisher help TOPIC)"):
            formatter.write_dl([(name, about) for name, (about, _) in TOPICS.items()])
        echo(f"\n{formatter.getvalue()}", nl=False)
