//! How many arguments the functions of expressions take.

use apibench_core::expression::Function;

const MANY: usize = 1_000;

/// How many arguments a function takes, at least and at most.
#[must_use]
pub fn arity(function: Function) -> (usize, usize) {
    match function {
        Function::RandomUuid
        | Function::RandomFirstName
        | Function::RandomLastName
        | Function::RandomName
        | Function::RandomEmail
        | Function::RandomStreet
        | Function::RandomCity
        | Function::RandomPostcode
        | Function::RandomCountry
        | Function::RandomPhone
        | Function::RandomCompany => (0, 0),
        Function::NowSeconds | Function::NowMilliseconds | Function::NowIso | Function::NowDate => (0, 1),
        Function::Not
        | Function::Text
        | Function::Integer
        | Function::Number
        | Function::Length
        | Function::Lower
        | Function::Upper
        | Function::Strip
        | Function::IsNull
        | Function::UrlEncoded
        | Function::JsonEncoded
        | Function::Base64Encoded
        | Function::Base64urlEncoded
        | Function::Base64Decoded
        | Function::RandomItem
        | Function::RandomText
        | Function::Counter
        | Function::VuCounter => (1, 1),
        Function::Equal
        | Function::NotEqual
        | Function::Less
        | Function::LessOrEqual
        | Function::Greater
        | Function::GreaterOrEqual
        | Function::And
        | Function::Or
        | Function::Add
        | Function::Subtract
        | Function::Multiply
        | Function::Divide
        | Function::Remainder
        | Function::Contains
        | Function::StartsWith
        | Function::EndsWith
        | Function::Member
        | Function::JwtHs256
        | Function::RandomInteger
        | Function::RandomSeconds
        | Function::RandomMilliseconds
        | Function::RandomIso
        | Function::RandomDate => (2, 2),
        Function::Sha256 | Function::Sha512 | Function::Sha1 | Function::Md5 => (1, 2),
        Function::HmacSha256 | Function::HmacSha512 | Function::HmacSha1 => (2, 3),
        Function::Slice | Function::Replace => (3, 3),
        Function::RandomChoice => (1, MANY),
        Function::Concat => (0, MANY),
    }
}
