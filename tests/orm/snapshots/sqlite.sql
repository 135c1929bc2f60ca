-- filters
SELECT user.id, user.name, user.email FROM user WHERE user.name = ? AND user.email IS NOT NULL ORDER BY user.name DESC LIMIT ? OFFSET ?

-- filter_by
SELECT user.id, user.name, user.email FROM user WHERE user.name = ? AND user.email IS NULL

-- operators
SELECT user.id, user.name, user.email FROM user WHERE user.name LIKE ? AND user.email NOT LIKE ? ESCAPE '/' OR user.id IN (?, ?) OR user.id BETWEEN ? AND ?

-- ilike
SELECT user.id, user.name, user.email FROM user WHERE lower(user.name) LIKE lower(?) AND user.name IS DISTINCT FROM NULL

-- columns
SELECT DISTINCT user.name, post.title FROM user JOIN post ON user.id = post.author_id

-- outerjoin path
SELECT user.id, user.name, user.email FROM user LEFT OUTER JOIN post ON user.id = post.author_id LEFT OUTER JOIN post_tag AS post_tag_1 ON post.id = post_tag_1.post_id LEFT OUTER JOIN tag ON tag.id = post_tag_1.tag_id WHERE tag.label = ?

-- join of an alias
SELECT node.id, node.parent_id, node.name, boss.id AS id_1, boss.parent_id AS parent_id_1, boss.name AS name_1 FROM node JOIN node AS boss ON node.parent_id = boss.id WHERE boss.name = ?

-- aliased join
SELECT node.id, node.parent_id, node.name FROM node JOIN node AS node_1 ON node.id = node_1.parent_id WHERE node_1.name = ? AND node.name = ?

-- orm join
SELECT user.name FROM user JOIN post ON user.id = post.author_id

-- any
SELECT user.id, user.name, user.email FROM user WHERE EXISTS (SELECT ? FROM post WHERE user.id = post.author_id AND post.title = ?)

-- any of itself
SELECT node.id, node.parent_id, node.name FROM node WHERE EXISTS (SELECT ? FROM node AS node_1 WHERE node.id = node_1.parent_id AND node_1.name = ?)

-- has
SELECT post.id, post.author_id, post.title FROM post WHERE EXISTS (SELECT ? FROM user WHERE post.author_id = user.id AND user.name = ?)

-- exists
SELECT user.id, user.name, user.email FROM user WHERE EXISTS (SELECT post.id FROM post WHERE post.author_id = user.id)

-- not in subquery
SELECT user.id, user.name, user.email FROM user WHERE user.id NOT IN (SELECT post.author_id FROM post)

-- correlated scalar
SELECT user.name, (SELECT count(post.id) AS count FROM post WHERE post.author_id = user.id) AS n FROM user

-- group
SELECT user.name, max(post.id) AS newest FROM user JOIN post ON user.id = post.author_id GROUP BY user.name ORDER BY newest

-- derived table
SELECT user.name, busy.n FROM user JOIN (SELECT post.author_id, count(*) AS n FROM post GROUP BY post.author_id HAVING count(*) > ?) AS busy ON busy.author_id = user.id

-- from_self
SELECT anon_1.user_id, anon_1.user_name, anon_1.user_email FROM (SELECT user.id AS user_id, user.name AS user_name, user.email AS user_email FROM user ORDER BY user.id LIMIT ?) AS anon_1 WHERE anon_1.user_name = ?

-- union
SELECT anon_1.user_id, anon_1.user_name, anon_1.user_email FROM (SELECT user.id AS user_id, user.name AS user_name, user.email AS user_email FROM user WHERE user.name = ? UNION SELECT user.id, user.name, user.email FROM user WHERE user.name = ?) AS anon_1 ORDER BY anon_1.user_name

-- union of limits
SELECT * FROM (SELECT user.id FROM user ORDER BY user.id LIMIT ?) UNION ALL SELECT post.id FROM post ORDER BY id

-- recursive cte
WITH RECURSIVE tree AS (SELECT node.id, node.name FROM node WHERE node.parent_id IS NULL UNION ALL SELECT node_1.id, node_1.name FROM node AS node_1, tree WHERE node_1.parent_id = tree.id) SELECT tree.name FROM tree ORDER BY tree.name

-- window
SELECT row_number() OVER (PARTITION BY post.author_id ORDER BY post.id DESC) AS n, sum(post.id) OVER (ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) AS sum FROM post

-- filtered aggregate
SELECT count(post.id) FILTER (WHERE post.title = ?) AS count, avg(post.id) FILTER (WHERE post.id > ?) AS avg FROM post

-- within group
-- SQLite has no WITHIN GROUP. Order the rows in a subquery and take the one that is meant.

-- case and cast
SELECT CASE WHEN user.id > ? THEN ? ELSE ? END AS size, CAST(user.id AS TEXT) FROM user

-- row values
SELECT post.id FROM post WHERE (post.author_id, post.title) IN ((?, ?), (?, ?))

-- lock
SELECT user.id, user.name, user.email FROM user

-- skip locked
SELECT user.id, user.name, user.email FROM user

-- text with columns
SELECT t.name FROM (SELECT id, name FROM x WHERE y = ?) AS t

-- from_statement
SELECT * FROM people WHERE age > ?

-- insert
INSERT INTO user (name, email) VALUES (?, ?), (?, ?) RETURNING user.id

-- insert from select
INSERT INTO tag (label) SELECT user.name FROM user WHERE user.id > ?

-- insert of a sequence
INSERT INTO numbered (x) VALUES (?)

-- upsert
INSERT INTO user (name, email) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET email = excluded.email WHERE user.email != ? RETURNING user.id

-- upsert of all
INSERT INTO user (name, email) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET email = excluded.email

-- upsert by constraint
-- SQLite cannot name the constraint 'user_name_key' in ON CONFLICT. Pass index_elements=[its columns], or the constraint itself.

-- do nothing
INSERT INTO tag (label) SELECT * FROM (SELECT user.name FROM user) WHERE true ON CONFLICT DO NOTHING

-- update
UPDATE user SET email = user.name || ? WHERE user.name = ? RETURNING user.id, user.email

-- update from
UPDATE user SET email = post.title FROM post WHERE user.id = post.author_id

-- delete
DELETE FROM post WHERE post.author_id IN (SELECT user.id FROM user WHERE user.name = ?)

-- delete using
-- SQLite cannot DELETE by the rows of other tables (table 'user'). Use a condition with in_(select(...)) or exists().

-- array
SELECT arrayed.words FROM arrayed WHERE array_contains(arrayed.words, ?)

-- literal array
SELECT ?

-- decimal
SELECT decimal_mul(account.balance, ?) FROM account WHERE account.balance COLLATE decimal > ? ORDER BY account.balance COLLATE decimal

-- ddl: 00 CreateTable account
CREATE TABLE account (
	id INTEGER CONSTRAINT pk_account PRIMARY KEY,
	owner BIGINT,
	balance DECIMAL_TEXT(12, 2) DEFAULT '0.00',
	opened TIMESTAMP WITH TIME ZONE DEFAULT ((strftime('%Y-%m-%d %H:%M:%f', 'now') || '000+00:00')),
	tags JSON_TEXT,
	CONSTRAINT fk_account_owner_order FOREIGN KEY (owner) REFERENCES "order" (id) DEFERRABLE INITIALLY DEFERRED,
	CONSTRAINT ck_account_solvent CHECK (balance >= 0)
)

-- ddl: 01 CreateIndex ix_account_opened
CREATE INDEX ix_account_opened ON account (opened)

-- ddl: 02 CreateTable numbered
CREATE TABLE numbered (
	id INTEGER CONSTRAINT pk_numbered PRIMARY KEY,
	x INTEGER
)

-- ddl: 03 CreateTable identified
CREATE TABLE identified (
	id INTEGER CONSTRAINT pk_identified PRIMARY KEY,
	x INTEGER
)

-- ddl: 04 CreateTable arrayed
CREATE TABLE arrayed (
	id INTEGER CONSTRAINT pk_arrayed PRIMARY KEY AUTOINCREMENT,
	words ARRAY_TEXT
)

-- ddl: 05 CreateTable elsewhere
CREATE TABLE "Other".elsewhere (
	id INTEGER CONSTRAINT pk_elsewhere PRIMARY KEY,
	x INTEGER
)

-- ddl: 06 CreateIndex ix_elsewhere_x
CREATE INDEX "Other".ix_elsewhere_x ON elsewhere (x)

-- ddl: 07 CreateTable order
CREATE TABLE "order" (
	id INTEGER CONSTRAINT pk_order PRIMARY KEY,
	account_id INTEGER,
	"Mixed Case" VARCHAR(20),
	blob BLOB,
	CONSTRAINT fk_order_account_id_account FOREIGN KEY (account_id) REFERENCES account (id) ON DELETE CASCADE DEFERRABLE INITIALLY DEFERRED,
	CONSTRAINT "uq_order_Mixed Case" UNIQUE ("Mixed Case"),
	CONSTRAINT own UNIQUE (account_id, "Mixed Case")
)

-- ddl: 08 CreateIndex ix_part
CREATE UNIQUE INDEX ix_part ON "order" (id) WHERE id > 10

-- ddl: 09 CreateIndex ix_lower
CREATE INDEX ix_lower ON "order" (lower("Mixed Case"))

-- ddl: drop
DROP TABLE "order", account

-- ddl: drop sequence
DROP SEQUENCE IF EXISTS numbers

-- ddl: create schema
-- SQLite has no schemas to create; ATTACH a database as 'Other' instead.

-- ddl: drop schema
-- SQLite has no schemas to drop; DETACH the database 'Other' instead.
