"""The Pix of an order in responses."""

from typing import Any

from rest_framework import serializers

from orders.models import PixCharge


class PixShown(serializers.ModelSerializer[PixCharge]):
    """The Pix of an order. Show `br_code` as a QR code, and as text to copy."""

    order = serializers.UUIDField(source="pk")
    state = serializers.ChoiceField(
        choices=PixCharge._meta.get_field("state").choices or [],  # noqa: SLF001 - public by use
        help_text="`waiting` for the payment; `taken`: it is the order's payment; `returning` and"
        " `returned`: it came too late, or the order was paid otherwise; `unpaid` in the end.",
    )
    br_code = serializers.CharField(help_text="Give it unchanged to the app of a bank.")
    amount = serializers.DecimalField(max_digits=12, decimal_places=2, help_text="In BRL.")
    expires_at = serializers.DateTimeField(
        help_text="Banks refuse the payment after this moment, before the reservation ends."
    )
    arrived_at = serializers.DateTimeField(allow_null=True)
    returned_at = serializers.DateTimeField(allow_null=True)

    class Meta:
        model = PixCharge
        fields = [
            "order", "state", "br_code", "amount", "expires_at", "arrived_at", "returned_at",
        ]  # fmt: skip


def show_pix(pix: PixCharge) -> dict[str, Any]:
    """Return a Pix as JSON."""
    return dict(PixShown(pix).data)
