"""Reading cases: one with everything said in it, lists of them, what is counted, proved, erased."""
