"""The one exception that is meant for the user's eyes."""


class UserError(Exception):
    """Something the user can mend, told in one sentence.

    The message says what happened, what is safe and what to do next. The command line prints it and ends with
    status 2; the dock shows it without a traceback.
    """
