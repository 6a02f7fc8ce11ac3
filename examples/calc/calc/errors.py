"""What can be wrong with an expression."""


class CalcError(ValueError):
    """An expression that has no value. `position` is the column, from 0, where the trouble is, if there is one."""

    def __init__(self, message: str, position: int | None = None) -> None:
        super().__init__(message)
        self.position = position
