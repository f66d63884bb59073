"""What a program does: its instructions on ranges of values, and every instruction that it may come to."""
