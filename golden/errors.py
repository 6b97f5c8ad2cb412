"""The one exception a user is meant to see."""


class UserError(Exception):
    """Bad input: a one-line message that names the file, the field, what was found and what is allowed.

    The command line prints it as ``error: <message>`` on stderr and exits with code 2; it never shows a traceback.
    """
