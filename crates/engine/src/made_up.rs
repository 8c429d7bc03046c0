//! Names, addresses and the like that nobody has, of a form that a target takes for real.
//!
//! Mail goes to domains that are reserved for examples (RFC 2606), and telephone numbers lie in the range that is kept for
//! fiction (555-0100 to 555-0199): nobody is written to or called by a load. All of it is ASCII, so that it may stand
//! anywhere in a request.

use apibench_core::expression::Function;

use crate::expression::Draws;
use crate::value::Fault;

const FIRST_NAMES: [&str; 96] = [
    "Aaron", "Ada", "Adam", "Agnes", "Alan", "Alice", "Amir", "Amy", "Ana", "Andre", "Anita", "Anna", "Arthur",
    "Aisha", "Ben", "Bianca", "Boris", "Carla", "Carlos", "Cecil", "Chen", "Clara", "Daniel", "Daria", "David",
    "Diego", "Dina", "Edith", "Elena", "Eli", "Ella", "Emil", "Emma", "Erik", "Eva", "Farah", "Felix", "Fiona",
    "Frank", "Gina", "Grace", "Hana", "Hugo", "Ibrahim", "Ida", "Igor", "Ines", "Ivan", "Jack", "James", "Jana",
    "Joan", "Jonas", "Julia", "Karim", "Kate", "Kenji", "Lara", "Laura", "Leo", "Lena", "Lucas", "Lucy", "Maria",
    "Mark", "Maya", "Mei", "Mina", "Nadia", "Nina", "Noah", "Nora", "Olga", "Omar", "Oscar", "Paula", "Peter", "Priya",
    "Quinn", "Ravi", "Rita", "Rosa", "Ruth", "Sam", "Sara", "Sofia", "Tara", "Theo", "Tim", "Tina", "Uma", "Vera",
    "Victor", "Wanda", "Yusuf", "Zoe",
];

const LAST_NAMES: [&str; 96] = [
    "Adams", "Ahmed", "Allen", "Alvarez", "Andersen", "Bailey", "Baker", "Barnes", "Bauer", "Becker", "Bell",
    "Bennett", "Bishop", "Brooks", "Brown", "Campbell", "Carter", "Chang", "Clark", "Collins", "Cooper", "Costa",
    "Cruz", "Dalton", "Davis", "Diaz", "Dubois", "Edwards", "Ellis", "Evans", "Ferrari", "Fischer", "Fisher", "Foster",
    "Garcia", "Gibson", "Gomez", "Graham", "Gray", "Green", "Haddad", "Hall", "Hansen", "Harris", "Hayes", "Hughes",
    "Ito", "Ivanov", "Jackson", "James", "Jensen", "Johnson", "Kaya", "Keller", "Khan", "Kim", "King", "Kovacs",
    "Kumar", "Lee", "Lewis", "Lopez", "Marino", "Martin", "Mason", "Meyer", "Miller", "Moore", "Morgan", "Morris",
    "Murphy", "Nguyen", "Novak", "Okafor", "Olsen", "Owens", "Parker", "Patel", "Perez", "Petrov", "Price", "Quinn",
    "Reed", "Rivera", "Rossi", "Russell", "Santos", "Schmidt", "Silva", "Singh", "Suzuki", "Taylor", "Turner",
    "Walker", "Weber", "Young",
];

const CITIES: [&str; 48] = [
    "Alder Creek",
    "Ashford",
    "Barton",
    "Bayview",
    "Birchwood",
    "Brookside",
    "Camden",
    "Cedar Falls",
    "Chester",
    "Clearwater",
    "Cliffside",
    "Crestview",
    "Dover",
    "Eastport",
    "Elm Grove",
    "Fairview",
    "Foxborough",
    "Franklin",
    "Georgetown",
    "Glenwood",
    "Greenville",
    "Harbor Point",
    "Highland",
    "Hillcrest",
    "Jefferson",
    "Kingston",
    "Lakewood",
    "Lexington",
    "Madison",
    "Maplewood",
    "Marlow",
    "Milford",
    "Newport",
    "North Haven",
    "Oakdale",
    "Oxford",
    "Pine Ridge",
    "Ridgefield",
    "Riverside",
    "Rockport",
    "Salem",
    "Shelby",
    "Springfield",
    "Stonebridge",
    "Sunnyvale",
    "Union",
    "Westfield",
    "Winchester",
];

const STREETS: [&str; 48] = [
    "Acorn", "Alder", "Bay", "Beech", "Birch", "Bridge", "Broad", "Cedar", "Center", "Chapel", "Cherry", "Chestnut",
    "Church", "Clover", "College", "Cypress", "Elm", "Fern", "Forest", "Garden", "Grove", "Harbor", "Hawthorn",
    "Hazel", "Hickory", "High", "Highland", "Hill", "Holly", "Juniper", "Lake", "Laurel", "Linden", "Magnolia", "Main",
    "Maple", "Market", "Meadow", "Mill", "Oak", "Park", "Pine", "Poplar", "River", "School", "Spring", "Spruce",
    "Walnut",
];

const STREET_KINDS: [&str; 8] = ["Street", "Avenue", "Road", "Lane", "Drive", "Court", "Place", "Way"];

const COUNTRIES: [&str; 64] = [
    "Argentina",
    "Australia",
    "Austria",
    "Bangladesh",
    "Belgium",
    "Bolivia",
    "Brazil",
    "Bulgaria",
    "Canada",
    "Chile",
    "China",
    "Colombia",
    "Croatia",
    "Cuba",
    "Cyprus",
    "Denmark",
    "Ecuador",
    "Egypt",
    "Estonia",
    "Ethiopia",
    "Finland",
    "France",
    "Germany",
    "Ghana",
    "Greece",
    "Hungary",
    "Iceland",
    "India",
    "Indonesia",
    "Ireland",
    "Israel",
    "Italy",
    "Jamaica",
    "Japan",
    "Jordan",
    "Kenya",
    "Latvia",
    "Lebanon",
    "Lithuania",
    "Luxembourg",
    "Malaysia",
    "Mexico",
    "Morocco",
    "Nepal",
    "Netherlands",
    "New Zealand",
    "Nigeria",
    "Norway",
    "Pakistan",
    "Panama",
    "Peru",
    "Poland",
    "Portugal",
    "Romania",
    "Senegal",
    "Singapore",
    "Slovenia",
    "South Africa",
    "Spain",
    "Sweden",
    "Switzerland",
    "Thailand",
    "Uruguay",
    "Vietnam",
];

const COMPANY_KINDS: [&str; 8] = ["Ltd", "Inc", "LLC", "Group", "Partners", "Works", "Systems", "and Sons"];

const MAIL_DOMAINS: [&str; 3] = ["example.com", "example.net", "example.org"];
/// Of the North American numbering plan.
const AREA_CODES: [&str; 16] = [
    "202", "206", "212", "303", "305", "312", "404", "415", "503", "512", "602", "612", "617", "702", "713", "808",
];

/// What a function of this kind comes to.
///
/// # Errors
/// [`Fault::Kind`], for a function of another.
pub fn made_up(function: Function, draws: &mut Draws<'_>) -> Result<String, Fault> {
    let text = match function {
        Function::RandomFirstName => one_of(&FIRST_NAMES, draws).to_owned(),
        Function::RandomLastName => one_of(&LAST_NAMES, draws).to_owned(),
        Function::RandomName => format!("{} {}", one_of(&FIRST_NAMES, draws), one_of(&LAST_NAMES, draws)),
        Function::RandomEmail => {
            let (first, last) = (one_of(&FIRST_NAMES, draws), one_of(&LAST_NAMES, draws));
            let number = draws.below(10_000);
            let domain = one_of(&MAIL_DOMAINS, draws);
            format!("{}.{}{number}@{domain}", first.to_lowercase(), last.to_lowercase())
        }
        Function::RandomStreet => {
            let number = 1 + draws.below(999);
            format!("{number} {} {}", one_of(&STREETS, draws), one_of(&STREET_KINDS, draws))
        }
        Function::RandomCity => one_of(&CITIES, draws).to_owned(),
        // The lowest and the highest that are in use.
        Function::RandomPostcode => format!("{:05}", 501 + draws.below(99_950 - 501 + 1)),
        Function::RandomCountry => one_of(&COUNTRIES, draws).to_owned(),
        Function::RandomPhone => format!("+1{}55501{:02}", one_of(&AREA_CODES, draws), draws.below(100)),
        Function::RandomCompany => format!("{} {}", one_of(&LAST_NAMES, draws), one_of(&COMPANY_KINDS, draws)),
        _ => return Err(Fault::Kind),
    };
    Ok(text)
}

fn one_of<'t>(table: &[&'t str], draws: &mut Draws<'_>) -> &'t str {
    table[draws.below(table.len() as u64) as usize]
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::counter::Counts;

    fn many(function: Function, seed: u64) -> Vec<String> {
        let made = (0..2_000).map(|round| {
            let mut draws = Draws {
                seed,
                wall_clock: || 0,
                scenario: 0,
                stream: 7,
                round,
                drawn: &mut 0,
                counts: &mut Counts::default(),
            };
            made_up(function, &mut draws).unwrap()
        });
        made.collect()
    }

    const ALL: [Function; 10] = [
        Function::RandomFirstName,
        Function::RandomLastName,
        Function::RandomName,
        Function::RandomEmail,
        Function::RandomStreet,
        Function::RandomCity,
        Function::RandomPostcode,
        Function::RandomCountry,
        Function::RandomPhone,
        Function::RandomCompany,
    ];

    #[test]
    fn they_follow_from_the_seed_and_differ_from_draw_to_draw() {
        for function in ALL {
            let made = many(function, 1);
            assert_eq!(made, many(function, 1), "{function:?}");
            assert_ne!(made, many(function, 2), "{function:?}");
            let distinct: BTreeSet<_> = made.iter().collect();
            assert!(distinct.len() >= 48, "{function:?}");
        }
    }

    #[test]
    fn they_may_stand_anywhere_in_a_request() {
        for text in ALL.into_iter().flat_map(|function| many(function, 3)) {
            let plain = |letter: char| letter.is_ascii_alphanumeric() || " .@+".contains(letter);
            assert!(text.chars().all(plain) && text.trim() == text, "{text}");
            assert!((2..=64).contains(&text.len()), "{text}");
        }
    }

    #[test]
    fn what_has_a_form_has_it() {
        let digits = |text: &str, count: usize| text.len() == count && text.bytes().all(|digit| digit.is_ascii_digit());
        for email in many(Function::RandomEmail, 4) {
            let (local, domain) = email.split_once('@').unwrap();
            assert!(MAIL_DOMAINS.contains(&domain), "{email}");
            let plain = |letter: char| letter.is_ascii_lowercase() || letter.is_ascii_digit();
            let parts: Vec<_> = local.split('.').collect();
            assert!(
                parts.len() == 2 && parts.iter().all(|part| !part.is_empty() && part.chars().all(plain)),
                "{email}"
            );
        }
        for phone in many(Function::RandomPhone, 4) {
            let number = phone.strip_prefix("+1").unwrap();
            assert!(
                digits(number, 10) && number[3..].starts_with("55501"),
                "E.164, and nobody's: {phone}"
            );
        }
        assert!(many(Function::RandomPostcode, 4).iter().all(|code| digits(code, 5)));
        for street in many(Function::RandomStreet, 4) {
            let (number, name) = street.split_once(' ').unwrap();
            assert!(
                number.parse::<u16>().unwrap() > 0 && name.split(' ').count() == 2,
                "{street}"
            );
        }
        assert!(
            many(Function::RandomName, 4)
                .iter()
                .all(|name| name.split(' ').count() == 2)
        );
    }

    #[test]
    fn no_table_has_anything_twice() {
        for table in [
            &FIRST_NAMES[..],
            &LAST_NAMES,
            &CITIES,
            &STREETS,
            &STREET_KINDS,
            &COUNTRIES,
            &COMPANY_KINDS,
            &AREA_CODES,
        ] {
            assert_eq!(table.iter().collect::<BTreeSet<_>>().len(), table.len(), "{table:?}");
        }
    }
}
