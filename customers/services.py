"""The door of customers."""

from customers.accounts import (
    DEMO_EMAIL,
    create_account,
    demo_password,
    find_user,
    note_recorded,
    note_sign_up,
    password_address,
    staff_the_house,
    unrecorded_sign_ups,
)
from customers.invitations import accept, find_open, invite, resend
from customers.invitations import revoke as revoke_invitation
from customers.keys import Caller, caller_of, find_caller, forget_cached, key_in, make, revoke, rotate
from customers.locks import hold
from customers.members import change_role, check_may_grant, remove
from customers.onboarding import Demo, Onboarded, find_demo, onboard
from customers.organizations import (
    create_organization,
    create_project,
    delete_project,
    finish_deletion,
    forget_house,
    house,
    house_write_key,
    note_erased,
    projects_of,
    unfinished_deletions,
    write_key,
)

__all__ = [
    "DEMO_EMAIL",
    "Caller",
    "Demo",
    "Onboarded",
    "accept",
    "caller_of",
    "change_role",
    "check_may_grant",
    "create_account",
    "create_organization",
    "create_project",
    "delete_project",
    "demo_password",
    "find_caller",
    "find_demo",
    "find_open",
    "find_user",
    "finish_deletion",
    "forget_cached",
    "forget_house",
    "hold",
    "house",
    "house_write_key",
    "invite",
    "key_in",
    "make",
    "note_erased",
    "note_recorded",
    "note_sign_up",
    "onboard",
    "password_address",
    "projects_of",
    "remove",
    "resend",
    "revoke",
    "revoke_invitation",
    "rotate",
    "staff_the_house",
    "unfinished_deletions",
    "unrecorded_sign_ups",
    "write_key",
]
