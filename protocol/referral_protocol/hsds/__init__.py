"""Open Referral's Human Services Data Specification (HSDS 3.0): services out and in.

`tables` says what HSDS is, `terms` which of its taxonomy terms are our codes; `export` makes its
documents from a published profile, `tabular` its data package of CSV files, `reading` takes a
member's services back from either. Pure: bytes and values in, bytes and values out.

What travels and what does not: decision 0026.
"""
