"""The calls of the client, against a real server."""
import array
import asyncio
import base64
import concurrent.futures
import os
import signal
import threading
import unittest

from support import MODEL, PHOTOS, PIXELS, ServedSocket, TestCase, ask_plainly, grey, halt, start  # noqa: F401
from mexit_client import Client, RequestError, Result, Sample, ServerGone


def image(path):
    return base64.b64encode(path.read_bytes()).decode()


class Calls(TestCase):
    @classmethod
    def setUpClass(cls):
        cls.client = start("--allow-paths", str(PHOTOS[0].parent))

    @classmethod
    def tearDownClass(cls):
        cls.client.close()

    def test_ready_describes_the_model(self):
        ready = self.client.ready
        self.assertEqual((ready.exits, ready.input_shape, len(ready.classes)), (5, (3, 32, 32), 10))
        self.assertEqual(list(ready.macs), sorted(ready.macs))
        self.assertEqual(ready.policy["kind"], "confidence")
        self.assertEqual(self.client.model()["model"], ready.model)

    def test_answers_are_the_protocols(self):
        plain = ask_plainly([{"id": path.name, "image": image(path)} for path in PHOTOS])
        for path in PHOTOS:
            self.assertSameAnswer(self.client.classify(Sample.from_file(path)), plain[path.name])
            self.assertSameAnswer(self.client.classify(Sample.from_server_path(path.name)), plain[path.name])

    def test_map_keeps_order_and_puts_errors_in_place(self):
        values = [value if value % 7 else None for value in range(1, 400)]
        plain = ask_plainly([{"id": value, **grey(value).fields} for value in set(values) - {None}])
        bad = Sample.from_image(b"no picture")
        for window in (1, 16, 1000):
            answers = list(self.client.map((grey(v) if v else bad for v in values), window=window))
            self.assertEqual(len(answers), len(values))
            for value, answer in zip(values, answers):
                if value is None:
                    self.assertIsInstance(answer, RequestError)
                    self.assertEqual(answer.code, "bad_input")
                else:
                    self.assertSameAnswer(answer, plain[value])

    def test_map_takes_samples_only_as_fast_as_answers_are_taken(self):
        taken = []
        answers = self.client.map((taken.append(v) or grey(v) for v in range(1000)), window=8)
        for _ in range(20):
            next(answers)
        self.assertLessEqual(len(taken), 20 + 8 + 1)
        with self.assertRaises(ValueError):
            next(self.client.map([grey(1)], window=0))

    def test_threads_get_their_own_answers(self):
        expected = {v: self.client.classify(grey(v), policy={"kind": "last"}, logits=True).logits for v in range(0, 256, 8)}
        self.assertGreater(len(set(expected.values())), 20)

        def ask(offset):
            for v in list(expected)[offset:] + list(expected)[:offset]:
                self.assertEqual(self.client.classify(grey(v), policy={"kind": "last"}, logits=True).logits, expected[v])

        with concurrent.futures.ThreadPoolExecutor(8) as pool:
            for done in [pool.submit(ask, offset) for offset in range(8)]:
                done.result()

    def test_asyncio(self):
        async def ask():
            return await asyncio.gather(*(asyncio.wrap_future(self.client.submit(grey(v))) for v in range(20)))

        self.assertEqual([r.logits for r in asyncio.run(ask())], [None] * 20)

    def test_float_tensor_is_the_normalised_bytes(self):
        about = self.client.model()["input"]
        plane = PIXELS // 3
        values = array.array("f")
        for mean, std in zip(about["mean"], about["std"]):
            values.extend([(200 / 255 - mean) / std] * plane)
        last = {"kind": "last"}
        by_float = self.client.classify(Sample.from_tensor(values), policy=last, logits=True).logits
        by_byte = self.client.classify(grey(200), policy=last, logits=True).logits
        for one, other in zip(by_float, by_byte):
            self.assertAlmostEqual(one, other, delta=1e-3)  # the mean and std above are rounded to JSON's digits

    def test_tensors_of_other_elements_are_refused(self):
        with self.assertRaisesRegex(TypeError, "elements 'd'"):
            Sample.from_tensor(array.array("d", [0.0]))
        with self.assertRaisesRegex(ValueError, "contiguous"):
            Sample.from_tensor(memoryview(bytes(10))[::2])

    def test_policies_and_options(self):
        sample = Sample.from_file(PHOTOS[0])
        for index in range(5):
            result = self.client.classify(sample, policy={"kind": "exit", "exit": index}, top_k=3, logits=True)
            self.assertEqual((result.exit, result.macs), (index, self.client.ready.macs[index]))
            self.assertEqual(len(result.top), 3)
            self.assertEqual(result.top[0].label, result.label)
            self.assertEqual(max(range(10), key=lambda k: result.logits[k]), result.label)
        self.assertIs(self.client.classify(sample, deadline_ms=60_000).late, False)

    def test_anytime(self):
        answers = list(self.client.anytime(Sample.from_file(PHOTOS[0])))
        self.assertEqual([a.exit for a in answers], [0, 1, 2, 3, 4])
        self.assertEqual([a.final for a in answers], [False] * 4 + [True])
        # An iterator that nobody reads to its end does not disturb the next request.
        next(self.client.anytime(Sample.from_file(PHOTOS[0])))
        self.assertEqual(self.client.classify(Sample.from_file(PHOTOS[0]), policy={"kind": "last"}).exit, 4)
        with self.assertRaises(RequestError):
            list(self.client.anytime(Sample.from_image(b"?")))

    def test_batch_keeps_its_budget(self):
        samples = [Sample.from_file(path) for path in PHOTOS] + [Sample.from_image(b"?")]
        budget = self.client.ready.macs[0] * len(PHOTOS) * 1.5
        batch = self.client.batch(samples, budget_macs=budget, mode="exact")
        self.assertIsInstance(batch.results[-1], RequestError)
        self.assertEqual(batch.macs, sum(r.macs for r in batch.results if isinstance(r, Result)))
        self.assertLessEqual(batch.macs, budget)
        with self.assertRaises(RequestError) as refused:
            self.client.batch(samples, budget_macs=1, mode="exact")
        self.assertEqual(refused.exception.code, "budget_too_small")

    def test_refused_requests_raise(self):
        with self.assertRaises(RequestError) as refused:
            self.client.classify(grey(1), policy={"kind": "exit", "exit": 9})
        self.assertEqual(refused.exception.code, "unknown_policy")
        with self.assertRaises(RequestError):
            self.client.classify(Sample.from_tensor(b"too short"))
        with self.assertRaises(ValueError):  # not JSON: found before anything is sent
            self.client.classify(grey(1), deadline_ms=float("nan"))
        self.client.classify(grey(1))


class Lifetimes(TestCase):
    def test_default_policy_and_counters(self):
        with start(policy="exit:3") as client:
            self.assertEqual(client.classify(grey(1)).exit, 3)
            client.set_policy({"kind": "exit", "exit": 1})
            self.assertEqual(client.classify(grey(1)).exit, 1)
            self.assertEqual(client.stats()["answers"], 2)

    def test_error_about_a_line_without_id_finds_its_request(self):
        with start("--max-line", "10000") as client:
            before = client.submit(grey(1))
            long = client.submit(Sample.from_image(bytes(20000)))
            after = client.submit(grey(2))
            with self.assertRaises(RequestError) as refused:
                long.result()
            self.assertEqual(refused.exception.code, "too_large")
            before.result(), after.result()

    def test_leaving_the_block_answers_what_was_sent(self):
        with start() as client:
            futures = [client.submit(grey(v)) for v in range(300)]  # more than --max-queue
        self.assertTrue(all(future.done() for future in futures))
        self.assertEqual(len([future.result() for future in futures]), 300)
        client.close()
        with self.assertRaisesRegex(ServerGone, "closed"):
            client.classify(grey(1))

    def test_client_may_not_be_closed_by_its_own_reader(self):
        with start() as client:
            seen = concurrent.futures.Future()

            def close(_):
                try:
                    client.close()
                except RuntimeError as error:
                    seen.set_result(error)

            # Stopped, so that the answer comes after the callback is added: otherwise it would run in this thread, which may close.
            halt(client.pid)
            future = client.submit(grey(1))
            future.add_done_callback(close)
            os.kill(client.pid, signal.SIGCONT)
            self.assertIn("another thread", str(seen.result(30)))
            client.classify(grey(1))  # the refused close has changed nothing

    def test_no_thread_is_left(self):
        before = threading.active_count()
        with start() as client:
            client.classify(grey(1))
        self.assertEqual(threading.active_count(), before)


if __name__ == "__main__":
    unittest.main()
