"""The tables of an index. What they hold of code: names, signatures, first lines of documentation; never its text.

``VERSION`` grows with every change to the tables or to what is written into them: an index of another version is
built anew, which is cheaper than a migration that is run once.
"""

VERSION = 2

DATABASE = "index.sqlite"
"""Name of the file in ``copilot.paths.index_dir(root)``."""
MARKER = "rebuild"
"""A file of this name beside it asks the process that writes the index to build it anew."""

TABLES: tuple[str, ...] = (
    "CREATE TABLE meta (key TEXT PRIMARY KEY, value) WITHOUT ROWID",
    """CREATE TABLE file (
        id INTEGER PRIMARY KEY,
        path TEXT NOT NULL UNIQUE,
        folder INTEGER NOT NULL,     -- id of a folder
        name TEXT NOT NULL,          -- the last part of path
        language TEXT NOT NULL,
        size INTEGER NOT NULL,
        mtime_ns INTEGER NOT NULL,
        digest BLOB NOT NULL,        -- empty where it was not read
        lines INTEGER NOT NULL,
        left_out TEXT,               -- why nothing of it is indexed; NULL: it is
        uses BLOB NOT NULL           -- ids of the names that it refers to, uint32 each, native order
    )""",
    "CREATE INDEX file_folder ON file (folder)",
    "CREATE INDEX file_name ON file (name)",
    "CREATE TABLE folder (id INTEGER PRIMARY KEY, path TEXT NOT NULL UNIQUE)",
    # Names of symbols and of what is referred to. Those of symbols (defined = 1) are in name_text too.
    "CREATE TABLE name (id INTEGER PRIMARY KEY, text TEXT NOT NULL UNIQUE, defined INTEGER NOT NULL DEFAULT 0)",
    """CREATE TABLE symbol (
        file INTEGER NOT NULL,
        number INTEGER NOT NULL,
        name INTEGER NOT NULL,
        kind TEXT NOT NULL,
        scope TEXT NOT NULL,
        first INTEGER NOT NULL,
        last INTEGER NOT NULL,
        signature TEXT NOT NULL,
        doc TEXT NOT NULL,
        PRIMARY KEY (file, number)
    ) WITHOUT ROWID""",
    "CREATE INDEX symbol_name ON symbol (name)",
    # lines: at most eight, in decimal, with commas between.
    """CREATE TABLE reference (
        name INTEGER NOT NULL, file INTEGER NOT NULL, lines TEXT NOT NULL, PRIMARY KEY (name, file)
    ) WITHOUT ROWID""",
    # statements: JSON, [[module, [[name, name here], ...], line], ...]
    "CREATE TABLE import (file INTEGER PRIMARY KEY, statements BLOB NOT NULL)",
    # words: what chunk_words was given, compressed with zlib; deleting from there takes the same words again.
    """CREATE TABLE chunk (
        id INTEGER PRIMARY KEY,
        file INTEGER NOT NULL,
        first INTEGER NOT NULL,
        last INTEGER NOT NULL,
        words BLOB NOT NULL
    )""",
    "CREATE INDEX chunk_file ON chunk (file)",
    """CREATE VIRTUAL TABLE chunk_words USING fts5 (words, content='', tokenize="ascii tokenchars '_$'")""",
    # Without positions: a query asks for all trigrams of a part, and looks at the text itself then.
    """CREATE VIRTUAL TABLE name_text USING fts5 (
        text, content='name', content_rowid='id', tokenize='trigram', detail='none', columnsize=0
    )""",
    """CREATE VIRTUAL TABLE file_path USING fts5 (
        path, content='file', content_rowid='id', tokenize='trigram', detail='none', columnsize=0
    )""",
)
