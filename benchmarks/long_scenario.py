"""A scenario as somebody has written it over a year: of so many lines, with all that scenarios have."""

HEAD = '''"""Everything that customers do in the shop."""

from apibench import (
    User, between, check, csv, each, leave_loop, otherwise, pace, pick, rand, repeat, scenario, status, think, when
)

users = csv("users.csv", order="random")
pages = csv("pages.csv", order="shuffle")


def log_in(u: User) -> None:
    me = users.next()
    login = u.post("/login", json={"user": me.user, "password": me.password}, expect=status(200))
    u.headers["Authorization"] = f"Bearer {login.json['token']}"

'''
JOURNEY = '''
@scenario(base_url="http://127.0.0.1:8089", load="5 vus", duration="10s", thresholds=["checks > 99%"])
def journey_NUMBER(u: User) -> None:
    log_in(u)
    cursor = u.var("cursor", "")
    seen = u.var("seen", 0)
    for _ in repeat(between(2, 4)):
        page = u.get(f"/products/NUMBER?page={pages.next().page}", params={"from": cursor, "size": 20})
        cursor.set(page.json["next"])
        with pick() as p:
            with p.weight(7, "browse"):
                item = u.get(f"/products/{page.json['items'].random()['id']}")
                check(item.json["price_cents"] > 0, "has a price NUMBER")
                check(item.headers["Content-Type"].startswith("application/json"), "is JSON NUMBER")
            with p.weight(2, "search"):
                found = u.get("/search", params={"q": f"{rand.text(8)} {rand.int(1, 100)}", "page": rand.int(1, 5)})
                for offer in each(found.json["items"]):
                    with when(offer["price_cents"] > 1_000):
                        leave_loop()
                    u.get(f"/products/{offer['id']}", name="GET /products/{offer} NUMBER")
            with p.weight(1, "buy"):
                order = u.post("/orders", json={"sku": page.json["items"][0]["id"], "qty": rand.int(1, 3)})
                with when((order.status == 409) | (order.status == 503)):
                    again = {"order": order.json["id"], "reason": f"retry of {order.json['id']}"}
                    u.post("/orders", json=again, headers={"X-Retry": "1", "X-Number": "NUMBER"})
                with otherwise():
                    u.get(f"/orders/{order.json['id']}?full=1", expect=status("2xx", 404))
                check(order.status.between(200, 299), "ordered NUMBER")
        seen.set(seen + 1)
        think(between("10ms", "30ms"))
    form = u.get("/form/NUMBER")
    fields = {"csrf": form.css("input[name=csrf]", "value"), "step": form.regex("step-([0-9]+)")}
    u.post("/form/NUMBER", json={**fields, "seen": seen, "user": {"name": "ann", "tags": ["a", "b"]}})
    pace("100ms")

'''
FILES = {"users.csv": "user,password\nann,p\nbea,q\n", "pages.csv": "page\n1\n2\n3\n"}
"""Its data, by name."""


def long_scenario(lines: int) -> str:
    """One of about so many lines."""
    each = JOURNEY.count("\n")
    journeys = max(round((lines - HEAD.count("\n")) / each), 1)
    return HEAD + "".join(JOURNEY.replace("NUMBER", f"{number}") for number in range(journeys))
