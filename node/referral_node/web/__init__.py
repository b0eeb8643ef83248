"""The keyholders' pages: what a point of contact or a deputy sees and does in a browser.

Law: a page is drawn from the exchange's values by a pure builder and a template; a handler only
reads, calls the exchange and redirects. Whatever changes something is a POST that carries a token
of this session, is done once however often it is sent, and answers with a redirect. Nothing works
only with a script, and nothing of a case stands in an address or a title.
"""
