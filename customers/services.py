"""The door of customers."""

from customers.keys import Caller, find_caller, forget_cached, key_in, make, revoke, rotate

__all__ = ["Caller", "find_caller", "forget_cached", "key_in", "make", "revoke", "rotate"]
