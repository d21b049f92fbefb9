"""smtp.py: an SMTP client that sends exactly the bytes it is told to, and keeps the dialogue.

Python's smtplib quotes and folds addresses; a test of what a server does with odd ones must not.
"""
import socket


class Dialogue:
    def __init__(self, port, host="127.0.0.1", timeout=30, source=None):
        self.socket = socket.create_connection((host, port), timeout, source_address=(source, 0) if source else None)
        self.stream = self.socket.makefile("rb")
        self.lines = []  # ("C"|"S", text)
        self.greeting = self._reply()
        self.ehlo = self.command(b"EHLO client.example.org")

    def _reply(self):
        """One reply of possibly several lines, as text; the code is its first three characters."""
        reply = []
        while True:
            line = self.stream.readline().decode(errors="replace").rstrip("\r\n")
            self.lines.append(("S", line))
            reply.append(line)
            if len(line) < 4 or line[3] != "-":
                return "\n".join(reply)

    def command(self, line):
        line = line if isinstance(line, bytes) else line.encode()
        self.lines.append(("C", line.decode(errors="replace")))
        self.socket.sendall(line + b"\r\n")
        return self._reply()

    def data(self, message):
        """Send a message (bytes with LF or CRLF ends) after DATA's 354; returns the last reply."""
        reply = self.command(b"DATA")
        if not reply.startswith("354"):
            return reply
        body = message.replace(b"\r\n", b"\n").split(b"\n")
        if body and body[-1] == b"":
            body.pop()
        wire = b"".join((b"." + l if l.startswith(b".") else l) + b"\r\n" for l in body)
        self.lines += [("C", l.decode(errors="replace")) for l in body] + [("C", ".")]
        self.socket.sendall(wire + b".\r\n")
        return self._reply()

    def close(self):
        try:
            self.command(b"QUIT")
        except OSError:
            pass
        self.stream.close()
        self.socket.close()


def _bytes(address):
    return address if isinstance(address, bytes) else address.encode()


def send(port, recipients, message, sender="s@example.org", mail_options="", source=None):
    """Send one message to one recipient or a list; returns (the replies to each RCPT, the last reply, the lines).
    Nothing is sent where no recipient was accepted: the last reply is then empty."""
    recipients = [recipients] if isinstance(recipients, (str, bytes)) else recipients
    d = Dialogue(port, source=source)
    d.command(b"MAIL FROM:<" + _bytes(sender) + b">" + (b" " + mail_options.encode() if mail_options else b""))
    answers = [d.command(b"RCPT TO:<" + _bytes(r) + b">") for r in recipients]
    last = d.data(message) if any(a.startswith("2") for a in answers) else ""
    d.close()
    return answers, last, d.lines
