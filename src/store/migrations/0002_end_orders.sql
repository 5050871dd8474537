-- Somebody's order to end a session at once, as JSON; the node that runs it obeys.
ALTER TABLE sessions ADD COLUMN end_order TEXT;
CREATE INDEX sessions_end_ordered ON sessions (node) WHERE ended IS NULL AND end_order IS NOT NULL;
