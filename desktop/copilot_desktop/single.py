"""One window a user: a second start shows the first one's window."""

from collections.abc import Callable

from PySide6.QtCore import QObject
from PySide6.QtNetwork import QLocalServer, QLocalSocket

from copilot import paths

_MS = 500
SHOW = b"show\n"


def shown_elsewhere() -> bool:
    """Whether a window is there already; it comes to the front then."""
    socket = QLocalSocket()
    socket.connectToServer(str(paths.window_socket()))
    if not socket.waitForConnected(_MS):
        return False
    socket.write(SHOW)
    socket.waitForBytesWritten(_MS)
    answered = socket.waitForReadyRead(_MS) and bytes(socket.readAll().data()) == SHOW
    socket.disconnectFromServer()
    return answered


class Door(QObject):
    """Where others ask for this window. ``show`` is called when one does."""

    def __init__(self, show: Callable[[], None]) -> None:
        super().__init__()
        self._show = show
        self._server = QLocalServer(self)
        self._server.setSocketOptions(QLocalServer.SocketOption.UserAccessOption)
        self._server.newConnection.connect(self._someone)

    def open(self) -> bool:
        paths.make_private_dir(paths.runtime_dir())
        # A window that was killed leaves its socket; nobody answered there, or we would not be here.
        QLocalServer.removeServer(str(paths.window_socket()))
        return self._server.listen(str(paths.window_socket()))

    def close(self) -> None:
        self._server.close()

    def _someone(self) -> None:
        # Sockets belong to the server and go with it; there are as many as there were second starts.
        while (socket := self._server.nextPendingConnection()) is not None:
            socket.waitForReadyRead(_MS)
            if bytes(socket.readAll().data()) == SHOW:
                socket.write(SHOW)
                socket.flush()
                self._show()
