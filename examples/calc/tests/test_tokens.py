import unittest

from calc.errors import CalcError
from calc.tokens import Token, tokenize


class TokensTest(unittest.TestCase):
    def test_numbers_names_and_symbols_know_where_they_stand(self):
        expected = [
            Token("name", "abs", 0),
            Token("symbol", "(", 3),
            Token("number", "1.5", 4),
            Token("symbol", ")", 7),
            Token("end", "", 8),
        ]
        self.assertEqual(tokenize("abs(1.5)"), expected)

    def test_spaces_separate_and_mean_nothing(self):
        self.assertEqual([token.text for token in tokenize(" 1\t+ 2 ")], ["1", "+", "2", ""])

    def test_a_strange_character_is_reported_with_its_position(self):
        with self.assertRaises(CalcError) as caught:
            tokenize("1 + ?")
        self.assertEqual(caught.exception.position, 4)
