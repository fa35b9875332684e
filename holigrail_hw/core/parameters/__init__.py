"""Parameters of operators: dataclass fields that know their help text, bounds and choices.

From these fields come the command-line options, the recipe keys, validation and the documentation.
Every parameter has a *kind*, found from the field's annotation: one class in one file, which says
what is legal, and turns whatever is given into the one declared type or refuses it.

================  ===============================================================================
annotation        what may be given, from Python, a recipe or the command line
================  ===============================================================================
``int``           a Python or NumPy integer, or its digits as text (``0x10`` too); no bool, no float
``bool``          a Python or NumPy bool, 0 or 1, or ``true``, ``false``, ``yes``, ``no``, ``1``,
                  ``0`` as text
``Enum``, ``str``  a member, or the text of one of the choices; short forms an enumeration knows
``Format``        a number format, or its name
``tuple[int]``    a list, tuple, range or NumPy vector of integers, a single integer, or text:
                  integers separated by commas; or the path of a .npy, .npz, .csv or .txt file
rows of these     a list or tuple of such rows, a NumPy matrix, or text: rows separated by
                  semicolons; or the path of such a file
an operator       a specification, a mapping of its parameters, or its name; as text ``auto``, too
matrices          a list or tuple of such matrices, a NumPy array of three dimensions, or text:
                  matrices separated by bars; or the path of a .npz file
``GivenFile``     the path of a file, which is read at once, or the word of one that comes with the
                  package; the field says of which kind
================  ===============================================================================

With ``int | Fraction`` in place of ``int``, rows and rows of rows hold real numbers, too: decimals
as text, and floats alone, in lists and in arrays, each of them exactly what it stands for.

Where the field may be ``None``, so may the text: ``none``, ``auto`` or nothing. A NumPy array of
floats is taken for integers if each of its numbers is one, since weights are often kept so; a float
alone or in a list is refused. Of an archive (.npz) matrices are the two-dimensional arrays, by
name, and rows the one-dimensional ones, unless it holds nothing but one matrix; arrays of text are
labels. What a parameter holds are the numbers of a file, never its path.
"""

from .construction import construct, parse_parameters, settle
from .given_file import FileContent, GivenFile
from .given_names import flattened, old_names, overridden, renamed_in
from .leaves import files_of, leaf_parameters, leaves_of, located, replaced
from .parameter import Parameter, parameter, parameters_of, part
from .parts import Fit
from .text import brief, stated, to_text

__all__ = [
    "FileContent",
    "Fit",
    "GivenFile",
    "Parameter",
    "brief",
    "construct",
    "files_of",
    "flattened",
    "leaf_parameters",
    "leaves_of",
    "located",
    "old_names",
    "overridden",
    "parameter",
    "parameters_of",
    "parse_parameters",
    "part",
    "renamed_in",
    "replaced",
    "settle",
    "stated",
    "to_text",
]
