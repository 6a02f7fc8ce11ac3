import unittest
from fractions import Fraction

from calc import CalcError, evaluate


class EvaluateTest(unittest.TestCase):
    def test_products_come_before_sums(self):
        self.assertEqual(evaluate("1 + 2 * 3"), 7)

    def test_brackets_come_first(self):
        self.assertEqual(evaluate("(1 + 2) * 3"), 9)

    def test_values_are_exact(self):
        self.assertEqual(evaluate("0.1 + 0.2"), Fraction(3, 10))

    def test_a_sign_may_stand_anywhere_before_a_number(self):
        self.assertEqual(evaluate("--2 * -3"), -6)

    def test_functions_are_called_by_name(self):
        self.assertEqual(evaluate("abs(1 - 5) + sign(-2)"), 3)

    def test_division_by_zero_has_no_value(self):
        with self.assertRaises(CalcError):
            evaluate("1 / (2 - 2)")

    def test_an_unknown_function_is_reported_with_those_there_are(self):
        with self.assertRaisesRegex(CalcError, "no function root; there are abs"):
            evaluate("root(4)")

    def test_the_number_of_arguments_is_checked(self):
        with self.assertRaisesRegex(CalcError, "abs does not take 2 arguments"):
            evaluate("abs(1, 2)")
