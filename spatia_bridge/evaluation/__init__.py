"""Measuring and showing what the loop makes: image metrics, reports, pictures, videos."""
