"""The booking service: quotes, bookings, payments, and the calendar of nights."""
