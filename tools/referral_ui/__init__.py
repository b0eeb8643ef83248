"""The page kit that node and directory share: layout, components, words, dates, style sheets.

Law: every page works without JavaScript, in a window 320 pixels wide, from left to right and from
right to left, and loads nothing from anywhere but its own host. Text from a person is escaped where
it is written, never marked as safe. The kit knows how a page looks and reads; it holds no case, no
key, no connection and no rule of the exchange.
"""
