//! The monomials of some features up to a degree, in scikit-learn's order.

use std::ops::Range;

use super::Power;

/// Monomials of more factors than this, all together, are refused: their names alone would fill the memory.
const MOST: usize = 5_000_000;

/// A monomial of degree 1 or more as a product.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Product {
    /// The first of its features.
    pub feature: u32,
    /// The place of the monomial that this feature multiplies; none for degree 1.
    pub of: Option<u32>,
}

/// Monomials of `features` features, degree by degree, and within a degree in the order of
/// `itertools.combinations_with_replacement` (`combinations` for products of different features).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Monomials {
    /// All of degree 1 up to the greatest, also those below the least degree that is wanted. Each
    /// stands after the one that it is a multiple of.
    pub products: Vec<Product>,
    /// The products that are wanted.
    pub wanted: Range<usize>,
    /// Whether 1, the monomial of degree 0, comes before them.
    pub bias: bool,
}

impl Monomials {
    /// The monomials of the degrees `least..=most`; with `interaction_only` those in which no feature
    /// stands twice. `None` where there would be too many to be named.
    pub fn new(
        features: usize,
        (least, most): (usize, usize),
        interaction_only: bool,
        bias: bool,
    ) -> Option<Self> {
        let mut products: Vec<Product> = Vec::new();
        let mut wanted = 0;
        // The monomials of the degree before, and where among them begin those whose first feature is j or later.
        let mut before = 0..0;
        let mut starts: Vec<usize> = vec![0; features + 1];
        let mut factors = 0_usize;
        for degree in 1..=most {
            if degree == least.max(1) {
                wanted = products.len();
            }
            let from = products.len();
            let mut own = Vec::with_capacity(features + 1);
            for feature in 0..features {
                own.push(products.len());
                let first = starts[feature + usize::from(interaction_only)];
                let of: Range<usize> = if degree == 1 { 0..1 } else { first..before.end };
                factors += degree * of.len();
                if factors > MOST {
                    return None;
                }
                let feature = u32::try_from(feature).ok()?;
                products.extend(of.map(|k| Product { feature, of: (degree > 1).then_some(k as u32) }));
            }
            own.push(products.len());
            (before, starts) = (from..products.len(), own);
            if before.is_empty() {
                // No product has more features than there are.
                wanted = if degree < least { products.len() } else { wanted };
                break;
            }
        }
        let wanted = if most == 0 { 0..0 } else { wanted..products.len() };
        Some(Self { products, wanted, bias })
    }

    /// How many are wanted.
    pub fn len(&self) -> usize {
        self.wanted.len() + usize::from(self.bias)
    }

    /// Whether none is.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The wanted monomials, each as its features, ascending, with their exponents; 1 is the empty list.
    pub fn exponents(&self) -> impl Iterator<Item = Vec<Power>> {
        let bias = self.bias.then(Vec::new);
        bias.into_iter().chain(self.wanted.clone().map(|k| self.powers(k)))
    }

    fn powers(&self, place: usize) -> Vec<Power> {
        let mut powers: Vec<Power> = Vec::new();
        let mut at = Some(place as u32);
        while let Some(k) = at {
            let product = self.products[k as usize];
            match powers.last_mut() {
                Some((feature, exponent)) if *feature == product.feature => *exponent += 1,
                _ => powers.push((product.feature, 1)),
            }
            at = product.of;
        }
        powers
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn exponents(features: usize, degrees: (usize, usize), interaction_only: bool) -> Vec<Vec<(u32, u32)>> {
        Monomials::new(features, degrees, interaction_only, false).unwrap().exponents().collect()
    }

    #[test]
    fn they_stand_in_the_order_of_combinations() {
        let cubic = exponents(2, (1, 3), false);
        let expected: [&[(u32, u32)]; 9] = [
            &[(0, 1)],
            &[(1, 1)],
            &[(0, 2)],
            &[(0, 1), (1, 1)],
            &[(1, 2)],
            &[(0, 3)],
            &[(0, 2), (1, 1)],
            &[(0, 1), (1, 2)],
            &[(1, 3)],
        ];
        assert_eq!(cubic, expected);
        assert_eq!(exponents(2, (2, 3), false), expected[2..]);
        let interactions = exponents(3, (2, 5), true);
        assert_eq!(
            interactions,
            [&[(0, 1), (1, 1)][..], &[(0, 1), (2, 1)], &[(1, 1), (2, 1)], &[(0, 1), (1, 1), (2, 1)]]
        );
    }

    #[test]
    fn there_are_as_many_as_combinations() {
        let count = |features, degrees, only| Monomials::new(features, degrees, only, true).unwrap().len();
        // (p + d choose d).
        assert_eq!(count(30, (0, 2), false), 496);
        assert_eq!(count(5, (0, 4), false), 126);
        assert_eq!(count(5, (0, 9), true), 32);
        assert_eq!(count(4, (0, 0), false), 1);
        assert_eq!(count(0, (0, 3), false), 1);
        assert_eq!(count(1, (3, 7), false), 6);
        assert_eq!(count(3, (5, 9), true), 1);
    }

    #[test]
    fn too_many_are_none() {
        assert_eq!(Monomials::new(200, (0, 5), false, true), None);
        assert_eq!(Monomials::new(1, (0, usize::MAX), false, true), None);
        assert!(Monomials::new(10, (0, usize::MAX), true, true).is_some());
    }
}
