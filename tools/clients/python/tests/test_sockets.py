"""Servers behind sockets, a process per connection."""
import concurrent.futures
import os
import signal
import socket
import tempfile
import unittest

from support import ServedSocket, TestCase, ask_plainly, grey, halt
from mexit_client import Client, ServerGone


class Sockets(TestCase):
    def test_answers_are_the_protocols(self):
        plain = ask_plainly([{"id": v, **grey(v).fields} for v in range(100)])
        for family in (socket.AF_UNIX, socket.AF_INET):
            with ServedSocket(family) as served, Client.connect(served.address) as client:
                self.assertIsNone(client.pid)
                for value, answer in enumerate(client.map(map(grey, range(100)))):
                    self.assertSameAnswer(answer, plain[value])

    def test_leaving_the_block_answers_what_was_sent_and_ends_the_server(self):
        with ServedSocket(socket.AF_UNIX) as served:
            with Client.connect(served.address) as client:
                futures = [client.submit(grey(v)) for v in range(300)]
            self.assertEqual(len([future.result(0) for future in futures]), 300)
            self.assertEqual([process.wait(30) for process in served.processes], [0])

    def test_connections_at_once(self):
        def ask(address):
            with Client.connect(address) as client:
                return [answer.label for answer in client.map(map(grey, range(50)))]

        with ServedSocket(socket.AF_UNIX) as served, concurrent.futures.ThreadPoolExecutor(3) as pool:
            first, *others = pool.map(ask, [served.address] * 3)
            self.assertEqual(others, [first, first])
            self.assertEqual(len(served.processes), 3)

    def test_killed_server(self):
        with ServedSocket(socket.AF_UNIX) as served:
            client = Client.connect(served.address)
            halt(served.processes[0].pid)
            future = client.submit(grey(1))
            os.kill(served.processes[0].pid, signal.SIGKILL)
            with self.assertRaisesRegex(ServerGone, "closed the connection, 1 requests unanswered"):
                future.result(30)
            client.close()

    def test_hanging_server(self):
        with ServedSocket(socket.AF_UNIX) as served:
            client = Client.connect(served.address)
            halt(served.processes[0].pid)
            future = client.submit(grey(1))
            client.close(timeout=0.5)
            with self.assertRaises(ServerGone):
                future.result(0)

    def test_nobody_listens(self):
        with tempfile.TemporaryDirectory() as folder:
            with self.assertRaisesRegex(ServerGone, "cannot connect to .*nobody.sock"):
                Client.connect(os.path.join(folder, "nobody.sock"))


if __name__ == "__main__":
    unittest.main()
