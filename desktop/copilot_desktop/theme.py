"""Colours, light and dark, and what Qt needs to show them.

A whole palette of our own: without a desktop's theme behind it, Qt's own switch to dark changes nothing, and the
Markdown importer takes the colour of links from the palette, out of reach of style sheets.
"""

from typing import NamedTuple, TypeVar

from PySide6.QtCore import Qt
from PySide6.QtGui import QColor, QFont, QFontDatabase, QGuiApplication, QPalette
from PySide6.QtWidgets import QApplication, QWidget

_W = TypeVar("_W", bound=QWidget)

THEMES = ("system", "light", "dark")


class Colours(NamedTuple):
    """``plus`` and ``minus``: behind lines that a change adds and removes."""

    dark: bool
    page: str
    card: str
    edge: str
    text: str
    dim: str
    off: str
    you: str
    link: str
    accent: str
    on_accent: str
    warning: str
    plus: str
    minus: str
    keyword: str
    string: str
    comment: str
    number: str
    constant: str
    function: str
    type: str
    property: str

    def of(self, kind: str) -> str:
        """The colour of a kind of code, see ``copilot.syntax.highlight.KINDS``."""
        return str(getattr(self, kind))


# Text on page and card has a contrast of at least 4.5 to 1 in both (WCAG 2.2, 1.4.3).
DARK = Colours(
    dark=True,
    page="#1e1f24",
    card="#26282f",
    edge="#3f434e",
    text="#e6e7ea",
    dim="#a4aab6",
    off="#747b89",
    you="#2d3340",
    link="#7cb7ff",
    accent="#3b6ea8",
    on_accent="#ffffff",
    warning="#5a4a1e",
    plus="#1f3b2a",
    minus="#46272b",
    keyword="#c792ea",
    string="#c3e88d",
    comment="#929bab",
    number="#f78c6c",
    constant="#f78c6c",
    function="#82aaff",
    type="#ffcb6b",
    property="#89ddff",
)
LIGHT = Colours(
    dark=False,
    page="#ffffff",
    card="#f5f6f8",
    edge="#c9cdd6",
    text="#1d2026",
    dim="#565d6b",
    off="#737a87",
    you="#e8eefa",
    link="#0a58b8",
    accent="#0a58b8",
    on_accent="#ffffff",
    warning="#fff3cd",
    plus="#dff5e3",
    minus="#fbe3e4",
    keyword="#8b2fa8",
    string="#1d6f3c",
    comment="#5d6675",
    number="#a6430a",
    constant="#a6430a",
    function="#1f4fb2",
    type="#7a5a00",
    property="#00637d",
)

_STYLE = """
QMainWindow, QDialog, QScrollArea, QStackedWidget, QWidget#page {{ background: {page}; border: none; }}
QLabel, QTextBrowser, QPlainTextEdit, QCheckBox, QRadioButton {{ color: {text}; background: transparent; }}
QLabel#dim, QToolButton#dim {{ color: {dim}; }}
QLabel#title {{ font-weight: bold; }}
QLabel#you {{ background: {you}; border-radius: 8px; padding: 8px 10px; }}
QFrame#card {{ background: {card}; border: 1px solid {edge}; border-radius: 8px; }}
QFrame#side {{ background: {card}; border: none; border-right: 1px solid {edge}; }}
QFrame#banner {{ background: {warning}; border: 1px solid {edge}; border-radius: 6px; }}
QFrame#chip {{ background: {you}; border: 1px solid {edge}; border-radius: 9px; }}
QPushButton, QComboBox, QLineEdit, QPlainTextEdit#question, QListWidget, QTableWidget, QSpinBox {{
    background: {card}; color: {text}; border: 1px solid {edge}; border-radius: 6px; padding: 4px 10px; }}
QPlainTextEdit#question {{ padding: 4px 6px; background: {page}; }}
QPushButton#primary {{ background: {accent}; color: {on_accent}; border-color: {accent}; }}
QPushButton#flat, QToolButton {{ background: transparent; border: 1px solid transparent; color: {dim};
    padding: 2px 6px; border-radius: 5px; }}
QPushButton#link {{ background: transparent; border: 1px solid transparent; color: {link}; padding: 1px 4px; }}
QPushButton#offer {{ background: transparent; border: 1px dashed {edge}; color: {dim}; border-radius: 9px;
    padding: 2px 8px; }}
QPushButton:hover, QToolButton:hover {{ border-color: {edge}; color: {text}; }}
QPushButton:focus, QToolButton:focus, QLineEdit:focus, QPlainTextEdit#question:focus, QListWidget:focus,
QComboBox:focus {{ border-color: {link}; }}
QPushButton:disabled, QPushButton#flat:disabled {{ color: {off}; background: transparent; }}
QListWidget {{ padding: 2px; outline: 0; border: none; }}
QListWidget::item {{ padding: 5px 6px; border-radius: 5px; color: {text}; }}
QListWidget::item:selected {{ background: {you}; color: {text}; }}
QTableWidget {{ gridline-color: {edge}; }}
QHeaderView::section {{ background: {card}; color: {dim}; border: none; padding: 4px 8px; }}
QScrollBar:vertical {{ background: transparent; width: 11px; margin: 0; }}
QScrollBar:horizontal {{ background: transparent; height: 11px; margin: 0; }}
QScrollBar::handle {{ background: {edge}; border-radius: 5px; min-height: 30px; min-width: 30px; }}
QScrollBar::add-line, QScrollBar::sub-line {{ height: 0; width: 0; }}
QScrollBar::add-page, QScrollBar::sub-page {{ background: none; }}
QProgressBar {{ background: {card}; border: 1px solid {edge}; border-radius: 4px; max-height: 8px; }}
QProgressBar::chunk {{ background: {accent}; border-radius: 3px; }}
QMenu {{ background: {card}; color: {text}; border: 1px solid {edge}; }}
QMenu::item:selected {{ background: {you}; }}
QToolTip {{ background: {card}; color: {text}; border: 1px solid {edge}; }}
QStatusBar {{ background: {card}; color: {dim}; }}
QStatusBar::item {{ border: none; }}
"""


def colours_for(theme: str) -> Colours:
    """``system``: what the desktop says; light where it says nothing."""
    if theme == "system":
        scheme = QGuiApplication.styleHints().colorScheme()
        theme = "dark" if scheme is Qt.ColorScheme.Dark else "light"
    return DARK if theme == "dark" else LIGHT


def dress(app: QApplication, colours: Colours, zoom: float) -> None:
    """``zoom``: 1.0 is the desktop's own size of text."""
    app.setPalette(_palette(colours))
    font = QFont(app.font())
    base = float(app.property("slipstreamPointSize") or 0.0)
    if not base:
        base = max(9.0, font.pointSizeF())
        app.setProperty("slipstreamPointSize", base)
    font.setPointSizeF(base * zoom)
    app.setFont(font)
    app.setStyleSheet(_STYLE.format(**colours._asdict()))


def mono_font() -> QFont:
    font = QFontDatabase.systemFont(QFontDatabase.SystemFont.FixedFont)
    font.setStyleHint(QFont.StyleHint.Monospace)
    font.setPointSizeF(QApplication.font().pointSizeF())
    return font


def named(widget: _W, name: str) -> _W:
    """Give a widget the name that its rule in the style sheet asks for."""
    widget.setObjectName(name)
    return widget


def _palette(colours: Colours) -> QPalette:
    palette = QPalette()
    role = QPalette.ColorRole
    for part, colour in (
        (role.Window, colours.page),
        (role.Base, colours.page),
        (role.AlternateBase, colours.card),
        (role.Button, colours.card),
        (role.WindowText, colours.text),
        (role.Text, colours.text),
        (role.ButtonText, colours.text),
        (role.ToolTipBase, colours.card),
        (role.ToolTipText, colours.text),
        (role.PlaceholderText, colours.dim),
        (role.Link, colours.link),
        (role.LinkVisited, colours.link),
        (role.Highlight, colours.accent),
        (role.HighlightedText, colours.on_accent),
    ):
        palette.setColor(part, QColor(colour))
    for part in (role.Text, role.WindowText, role.ButtonText):
        palette.setColor(QPalette.ColorGroup.Disabled, part, QColor(colours.off))
    return palette
