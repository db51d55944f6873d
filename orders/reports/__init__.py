"""What an organizer's orders and ledger say: tables for exports, and the figures of its reports."""
