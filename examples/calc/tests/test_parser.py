import unittest
from fractions import Fraction

from calc.errors import CalcError
from calc.parser import MAX_LENGTH, Binary, Number, parse


class ParserTest(unittest.TestCase):
    def test_a_chain_of_equal_operators_groups_from_the_left(self):
        one, two, three = (Number(Fraction(number)) for number in (1, 2, 3))
        self.assertEqual(parse("1 - 2 - 3"), Binary("-", Binary("-", one, two), three))

    def test_an_open_bracket_is_reported_at_the_end(self):
        with self.assertRaises(CalcError) as caught:
            parse("(1 + 2")
        self.assertEqual(caught.exception.position, 6)

    def test_two_numbers_in_a_row_are_refused(self):
        with self.assertRaises(CalcError) as caught:
            parse("1 2")
        self.assertEqual(caught.exception.position, 2)

    def test_the_longest_expression_may_be_brackets_only(self):
        depth = (MAX_LENGTH - 1) // 2
        self.assertEqual(parse("(" * depth + "1" + ")" * depth), Number(Fraction(1)))

    def test_a_longer_expression_is_refused(self):
        with self.assertRaisesRegex(CalcError, f"longer than {MAX_LENGTH}"):
            parse("1" * (MAX_LENGTH + 1))
