"""The door of customers."""

from customers.keys import Caller, caller_of, find_caller, forget_cached, key_in, make, revoke, rotate

__all__ = ["Caller", "caller_of", "find_caller", "forget_cached", "key_in", "make", "revoke", "rotate"]
