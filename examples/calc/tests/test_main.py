import io
import unittest
from contextlib import redirect_stderr, redirect_stdout

from calc.__main__ import main


class MainTest(unittest.TestCase):
    def test_it_prints_the_value(self):
        out = io.StringIO()
        with redirect_stdout(out):
            status = main(["1/3 + 1/6"])
        self.assertEqual((status, out.getvalue()), (0, "1/2\n"))

    def test_it_points_at_what_is_wrong(self):
        err = io.StringIO()
        with redirect_stderr(err):
            status = main(["1 + * 2"])
        self.assertEqual((status, err.getvalue()), (2, "calc: expected a number, found *\n  1 + * 2\n      ^\n"))
