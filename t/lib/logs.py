"""logs.py: a Unix datagram socket in the place of /dev/log, for our own setting `log_socket`."""
import os
import socket
import sys
import threading

from scratch import at_end, wait_for


class LogSocket:
    """Collects every datagram, as text, in .lines (with the `<priority>` in front)."""

    def __init__(self, path, also_to=None):
        """also_to: a file that gets every line too."""
        self.path, self.lines, self.also_to = path, [], also_to
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(path)
        os.chmod(path, 0o666)
        self.thread = threading.Thread(target=self._collect, daemon=True)
        self.thread.start()
        at_end(self.close)

    def _collect(self):
        while True:
            try:
                line = self.socket.recv(65536).decode(errors="replace").rstrip("\n\0")
            except OSError:
                return
            self.lines.append(line)
            if self.also_to:
                with open(self.also_to, "a", encoding="utf-8") as f:
                    f.write(line + "\n")

    def find(self, *words):
        """The lines that contain all words."""
        return [l for l in list(self.lines) if all(w in l for w in words)]

    def wait(self, *words, seconds=10):
        """find(), as soon as there is one."""
        wait_for(lambda: self.find(*words), seconds)
        return self.find(*words)

    def close(self):
        self.socket.close()


def collect(path, into):
    """Collect until we are ended: for a log that outlives the program which started it."""
    LogSocket(path, into).thread.join()


if __name__ == "__main__":
    collect(*sys.argv[1:3])
