"""dovecot.py: a real Dovecot 2.3 of a test's own, on loopback, with what `postfix-virtual dovecot-config` prints; only where it
listens, logs and keeps its sockets is added."""
import imaplib
import os
import signal
import subprocess

from postfix import free_port
from scratch import CLEAN_ENV, at_end, must, read, wait_for, write


class Dovecot:
    def __init__(self, house):
        self.house, self.port, self.process = house, free_port(), None
        self.folder = house.path("dovecot")
        os.mkdir(self.folder, 0o755)
        self.config, self.log_file = os.path.join(self.folder, "dovecot.conf"), os.path.join(self.folder, "log")
        self.printed = house.must_admin("dovecot-config")
        write(self.config, self.printed + f"""
base_dir = {self.folder}/run
state_dir = {self.folder}/run
log_path = {self.log_file}
auth_failure_delay = 0
service anvil {{
  unix_listener anvil-auth-penalty {{
    mode = 0
  }}
}}
listen = 127.0.0.1
service imap-login {{
  inet_listener imap {{
    port = {self.port}
  }}
  inet_listener imaps {{
    port = 0
  }}
}}
""")

    def start(self):
        at_end(self.stop)
        self.process = subprocess.Popen(["/usr/sbin/dovecot", "-F", "-c", self.config], env=CLEAN_ENV, stdin=subprocess.DEVNULL)

        def is_up():
            try:
                self.imap().logout()
                return True
            except OSError:
                return False
        if not wait_for(is_up):
            raise RuntimeError(f"Dovecot does not come up:\n{self.log()}")

    def stop(self):
        if self.process and self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            self.process.wait(20)

    def log(self):
        return read(self.log_file).decode(errors="replace")

    def imap(self):
        return imaplib.IMAP4("127.0.0.1", self.port)

    def login(self, name, password):
        """An open session, or what the server says to the refused login."""
        session = self.imap()
        try:
            session.login(name, password)
            return session
        except imaplib.IMAP4.error as refused:
            session.shutdown()
            return str(refused)

    def lets_in(self, name, password):
        session = self.login(name, password)
        if isinstance(session, str):
            return False
        session.logout()
        return True

    def user(self, name):
        """What its userdb says: field → value."""
        lines = must(["/usr/bin/doveadm", "-c", self.config, "user", name]).splitlines()[1:]
        return dict(line.split("\t", 1) for line in lines)
