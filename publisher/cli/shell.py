"""`publisher completion` and `publisher help`: what a shell and its user ask of the program itself."""

import click

from publisher.cli import publisher
from publisher.cli.common import echo


@click.command()
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def completion(shell: str) -> None:
    """Print the script that completes commands and options in your shell.

    Put `eval "$(publisher completion bash)"` in ~/.bashrc, or the same with zsh in ~/.zshrc. For fish, write
    the output to ~/.config/fish/completions/publisher.fish.
    """
    from click.shell_completion import get_completion_class

    maker = get_completion_class(shell)
    if maker is None:
        raise click.UsageError(f"no completion for {shell}")
    echo(maker(publisher, {}, "publisher", "_PUBLISHER_COMPLETE").source())


@click.command()
@click.argument("words", nargs=-1, metavar="[COMMAND]...")
@click.pass_context
def help(ctx: click.Context, words: tuple[str, ...]) -> None:
    """Show the help of a command, like its --help."""
    command, context = ctx.find_root().command, ctx.find_root()
    for word in words:
        if not isinstance(command, click.Group):
            raise click.UsageError(f"{context.command_path} has no commands of its own")
        name, found, _ = command.resolve_command(context, [word])
        if found is None:
            raise click.UsageError(f"no command {word!r}")
        command, context = found, click.Context(found, info_name=name, parent=context)
    echo(command.get_help(context))
