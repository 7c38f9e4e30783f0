"""One module a command. Each has

    def register(subparsers: Subparsers) -> None

which adds a parser and sets its `run` default: a function of the parsed arguments that returns the exit code. All of
them are imported for every command, so a module imports what is slow to load inside its `run`.
"""
