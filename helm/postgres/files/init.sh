# Create the data directory under another name and rename it when it is complete: an interrupted start leaves no partial
# database. The password is in no argument, and in no log when a statement fails.
set -eu
volume=/var/lib/postgresql/data
auth=/etc/postgres/auth
fail() { echo "init: $*" >&2; exit 1; }

[ ! -s "$volume/pgdata/PG_VERSION" ] || exit 0
for key in password postgres-password; do
  [ -s "$auth/$key" ] || fail "the Secret's key $key is empty or missing"
done
[ ! -e "$volume/pgdata" ] || rmdir "$volume/pgdata" || fail "$volume/pgdata contains files, but no database: check and remove it"
rm -rf "$volume/pgdata.new"
if ! getent passwd "$(id -u)" >/dev/null; then  # user ids of OpenShift have no name, which initdb requires
  LD_PRELOAD=$(find /usr/lib -name libnss_wrapper.so | head -n 1)
  [ -n "$LD_PRELOAD" ] || fail "the image has no name for user id $(id -u), and no libnss_wrapper.so to add one"
  export LD_PRELOAD NSS_WRAPPER_PASSWD=/tmp/passwd NSS_WRAPPER_GROUP=/tmp/group
  echo "postgres:x:$(id -u):$(id -g)::/tmp:/bin/false" >/tmp/passwd
  echo "postgres:x:$(id -g):" >/tmp/group
fi
initdb --pgdata="$volume/pgdata.new" --username=postgres --pwfile="$auth/postgres-password" --auth-local=trust --auth-host=reject
pg_ctl --pgdata="$volume/pgdata.new" --wait start \
  --options="-c listen_addresses= -c unix_socket_directories=/var/run/postgresql -c log_min_error_statement=panic"
psql --no-psqlrc --host=/var/run/postgresql --username=postgres --dbname=postgres --quiet \
  --set=ON_ERROR_STOP=1 --set=VERBOSITY=terse --set=username="$USERNAME" --set=database="$DATABASE" <<'SQL'
\set password `cat /etc/postgres/auth/password`
CREATE ROLE :"username" LOGIN PASSWORD :'password';
CREATE DATABASE :"database" OWNER :"username";
REVOKE CONNECT ON DATABASE :"database" FROM PUBLIC;
SQL
pg_ctl --pgdata="$volume/pgdata.new" --wait --mode=fast stop
sync
mv "$volume/pgdata.new" "$volume/pgdata"
sync
