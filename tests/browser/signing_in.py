"""Signing in to the admin, as a person does."""

from playwright.sync_api import Page

from ticketing.stack.environment import read_env
from ticketing.stack.running import RunningStack
from tickets.demo_data import ADMIN_USERNAME


def sign_in(
    page: Page, stack: RunningStack, name: str = ADMIN_USERNAME, password: str = ""
) -> None:
    page.goto("/admin/")
    page.fill("#id_username", name)
    page.fill("#id_password", password or read_env(stack.folder)["DEMO_ADMIN_PASSWORD"])
    page.press("#id_password", "Enter")
    page.wait_for_url("**/admin/")
