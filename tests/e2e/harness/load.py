"""Load: threads with keep-alive connections that ask until they are told to stop."""

import http.client
import threading
import time

from harness.http import Client

FAILED = 0  # in place of a status: HAProxy gave no answer


class Load:
    """Each thread takes `cases`, [(path, key, status)], in turn.

    `answers` collects (wanted status, status, rid, seconds).
    """

    def __init__(self, address, cases, threads=8, count=None):
        self.address = address
        self.cases = cases
        self.answers = []
        self.is_stopping = False
        self.left = count
        self.lock = threading.Lock()
        self.threads = [
            threading.Thread(target=self._run, args=(number,), daemon=True)
            for number in range(threads)
        ]

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self.stop()

    def stop(self):
        self.is_stopping = True
        self.join()

    def join(self, timeout=60):
        for thread in self.threads:
            thread.join(timeout)
            assert not thread.is_alive(), "a client hangs"

    def _take(self):
        with self.lock:
            if self.is_stopping or self.left == 0:
                return False
            if self.left is not None:
                self.left -= 1
            return True

    def _run(self, number):
        client = Client(self.address)
        while self._take():
            path, key, wanted = self.cases[number % len(self.cases)]
            number += 1
            begin = time.monotonic()
            try:
                answer = client.request(path, key=key)
                status, rid = answer.status, answer.rid
            except (OSError, http.client.HTTPException):
                client.close()
                status, rid = FAILED, None
            self.answers.append((wanted, status, rid, time.monotonic() - begin))
        client.close()

    def statuses(self):
        return {status for _, status, _, _ in self.answers}

    def allowed_rids(self):
        return [rid for _, status, rid, _ in self.answers if status == 200]

    def wrongly_allowed(self):
        return [rid for wanted, status, rid, _ in self.answers if status == 200 and wanted != 200]

    def others(self):
        """Answers that are not what was wanted."""
        return [(wanted, status) for wanted, status, _, _ in self.answers if wanted != status]
