"""What table and figure pages compute: functions from parameters to rows."""
