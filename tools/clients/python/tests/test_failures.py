"""Servers that die, hang, are not there or are another program."""
import os
import signal
import sys
import tempfile
import threading
import time
import unittest

from support import MODEL, TestCase, grey, halt, start
from mexit_client import Client, ProtocolError, Sample, ServerGone


def _script(text):
    """The path of a program that is not mexit-serve: Python that runs `text`."""
    with tempfile.NamedTemporaryFile("w", suffix=".py", delete=False) as file:
        file.write(f"#!{sys.executable}\nimport sys\n{text}\n")
    os.chmod(file.name, 0o755)
    unittest.addModuleCleanup(os.unlink, file.name)
    return file.name


READY = '{"type":"ready","model":"m","exits":1,"input":{"shape":[3,1,1]},"macs":[1]}'


class Failures(TestCase):
    def test_killed_server_fails_what_is_under_way_and_what_comes(self):
        client = start()
        client.classify(grey(1))
        halt(client.pid)
        futures = [client.submit(grey(v)) for v in range(10)]
        os.kill(client.pid, signal.SIGKILL)
        for future in futures:
            with self.assertRaisesRegex(ServerGone, "SIGKILL.* 10 requests unanswered") as gone:
                future.result(30)
            self.assertEqual(gone.exception.exit_code, -signal.SIGKILL)
        with self.assertRaises(ServerGone):
            client.classify(grey(1))
        with self.assertRaises(ServerGone):
            list(client.map([grey(1)]))
        client.close()

    def test_map_raises_when_the_server_dies_within_it(self):
        with start() as client:
            answers = client.map((grey(v) for v in range(100_000)), window=64)
            next(answers)
            os.kill(client.pid, signal.SIGKILL)
            with self.assertRaises(ServerGone):
                for _ in answers:
                    pass

    def test_terminated_server_answers_what_it_has_read(self):
        with start() as client:
            futures = [client.submit(grey(v)) for v in range(50)]
            client.stats()  # answered at once when read: so all 50 lines have been read
            os.kill(client.pid, signal.SIGTERM)
            self.assertEqual(len([future.result(60) for future in futures]), 50)
            deadline = time.monotonic() + 60
            with self.assertRaises(ServerGone) as gone:
                while time.monotonic() < deadline:
                    client.submit(grey(1)).result(60)
            self.assertEqual(gone.exception.exit_code, 0)

    def test_close_kills_a_server_that_hangs(self):
        client = start()
        halt(client.pid)
        future = client.submit(grey(1))
        client.close(timeout=0.5)
        with self.assertRaises(ServerGone):
            future.result(0)

    def test_close_frees_a_thread_that_is_stuck_in_sending(self):
        client = start()
        halt(client.pid)
        outcome = []

        def send_more_than_a_pipe_holds():
            try:
                outcome.append(client.submit(Sample.from_image(bytes(4_000_000))))
            except ServerGone as error:
                outcome.append(error)

        sender = threading.Thread(target=send_more_than_a_pipe_holds)
        sender.start()
        while not client._connection._writing.locked():
            time.sleep(0.01)
        client.close(timeout=0.5)
        sender.join(30)
        self.assertFalse(sender.is_alive())
        self.assertIsInstance(outcome[0].exception(0), ServerGone)

    def test_server_that_does_not_start(self):
        with self.assertRaisesRegex(ServerGone, "cannot start nowhere/mexit-serve: No such file"):
            start(server="nowhere/mexit-serve")
        with self.assertRaisesRegex(ServerGone, "ended with exit code 1; it said: .*missing.mexit") as gone:
            Client("missing.mexit")
        self.assertEqual(gone.exception.exit_code, 1)
        with self.assertRaisesRegex(ServerGone, "ended with exit code 64"):
            Client(MODEL, arguments=["--no-such-flag"])

    def test_server_that_is_never_ready(self):
        server = _script("import time; time.sleep(600)")
        with self.assertRaisesRegex(ServerGone, "not ready within 0.5 s"):
            Client("model", server=server, timeout=0.5)

    def test_another_program(self):
        with self.assertRaisesRegex(ProtocolError, "'hello.*not a JSON object"):
            Client("model", server=_script("print('hello')"))
        with self.assertRaisesRegex(ProtocolError, "type 'greeting', not 'ready'"):
            Client("model", server=_script("""print('{"type":"greeting"}')"""))
        with self.assertRaisesRegex(ProtocolError, "cannot read the server's message of type 'ready'"):
            Client("model", server=_script("""print('{"type":"ready"}')"""))

    def test_answers_that_are_cut_or_wrong(self):
        ready = f"print('{READY}', flush=True); sys.stdin.readline()\n"
        for script, error in [
            ("sys.stdout.write('{\"type\":\"result\",\"id\":1,\"ex')", ServerGone),
            ("print('{\"type\":\"result\",\"id\":1}', flush=True); sys.stdin.read()", ProtocolError),
            ("print('[' * 100000, flush=True); sys.stdin.read()", ProtocolError),
        ]:
            client = Client("model", server=_script(ready + script))
            with self.assertRaises(error, msg=script):
                client.submit(grey(1)).result(30)
            client.close(5)

    def test_messages_for_everybody_are_passed_over(self):
        answer = '{"type":"result","id":1,"exit":0,"label":0,"confidence":1,"macs":1,"macs_saved":0,"stages":1,"new":[1]}'
        client = Client("model", server=_script(
            f"print('{READY}', flush=True); sys.stdin.readline()\n"
            f"print('{{\"type\":\"news\",\"id\":null}}'); print('{{\"type\":\"result\",\"id\":99}}'); print('{answer}', flush=True); sys.stdin.read()"))
        self.assertIsNone(client.submit(grey(1)).result(30).class_name)
        client.close(5)


if __name__ == "__main__":
    unittest.main()
