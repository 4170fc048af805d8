"""C, C++ and shell: a path as seen from the file itself, or the end of a path."""

from collections.abc import Iterator

from copilot.index.imports.files import Files, folder_of, folders_above, joined, nearest
from copilot.syntax.symbols import Import

_MOST = 3
# A file of such a name in the workspace stands in for it on some system at most.
_STANDARD = frozenset(
    {
        *("assert.h", "complex.h", "ctype.h", "errno.h", "fenv.h", "float.h", "inttypes.h", "limits.h", "locale.h"),
        *("math.h", "setjmp.h", "signal.h", "stdalign.h", "stdarg.h", "stdatomic.h", "stdbool.h", "stddef.h"),
        *("stdint.h", "stdio.h", "stdlib.h", "stdnoreturn.h", "string.h", "threads.h", "time.h", "uchar.h", "wchar.h"),
        *("wctype.h", "unistd.h", "fcntl.h", "pthread.h", "dirent.h", "dlfcn.h"),
    }
)


def resolved(statement: Import, importer: str, files: Files) -> Iterator[str]:
    module = statement.module.replace("\\", "/")
    is_system = module.startswith("<")
    module = module.strip("<>")
    if is_system and module in _STANDARD:
        return
    if not is_system:
        path = joined(folder_of(importer), module)
        if path and files.has(path):
            yield path
            return
    for folder in folders_above(importer):
        for root in ("include", "src", ""):
            path = joined(folder, f"{root}/{module}")
            if path and files.has(path):
                yield path
                return
    tail = joined("", module.lstrip("./"))
    if tail and (is_system or "." in tail):
        yield from nearest(files.ending(tail), importer)[:_MOST]
