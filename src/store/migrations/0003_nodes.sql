-- How often each node told that it lives. A number that stands still is a node that does not.
CREATE TABLE nodes (
    node TEXT NOT NULL PRIMARY KEY,
    beats BIGINT NOT NULL
);
