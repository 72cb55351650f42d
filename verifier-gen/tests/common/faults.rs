//! Precompiles that misbehave, which a verifier must survive, and precompiles at the prices of other chains.

use revm::{
    context::{Cfg, ContextTr},
    handler::{EthPrecompiles, PrecompileProvider},
    interpreter::{CallInputs, Gas, InstructionResult, InterpreterResult},
    primitives::{Address, AddressSet, Bytes, hardfork::SpecId},
};

/// What a precompile does instead of its work, or what it charges for it.
#[derive(Clone, Debug)]
pub(crate) enum Fault {
    /// It is not there: a call succeeds and returns nothing.
    Absent,
    /// It fails and takes all gas.
    Fails,
    /// It reverts with a word.
    Reverts,
    /// It runs out of gas.
    OutOfGas,
    /// It succeeds and returns this.
    Returns(Vec<u8>),
    /// It works and costs this much gas.
    Costs(u64),
}

impl Fault {
    fn result(&self, gas_limit: u64) -> Option<InterpreterResult> {
        let (result, output) = match self {
            Self::Absent => return None,
            Self::Fails => (InstructionResult::PrecompileError, vec![]),
            Self::OutOfGas => (InstructionResult::PrecompileOOG, vec![]),
            Self::Reverts => (InstructionResult::Revert, vec![1; 32]),
            Self::Returns(output) => (InstructionResult::Return, output.clone()),
            Self::Costs(_) => unreachable!("it works"),
        };
        let mut gas = Gas::new(gas_limit);
        if matches!(self, Self::Fails | Self::OutOfGas) {
            gas.spend_all();
        }
        Some(InterpreterResult::new(result, Bytes::from(output), gas))
    }
}

/// The result of a precompile that charges `price`, out of what it gives with all the gas that it can use.
fn priced(result: InterpreterResult, gas_limit: u64, price: u64) -> InterpreterResult {
    let mut gas = Gas::new(gas_limit);
    if result.is_ok() && gas.record_regular_cost(price) {
        return InterpreterResult { gas, ..result };
    }
    gas.spend_all();
    let failure = InstructionResult::PrecompileOOG;
    InterpreterResult::new(failure, Bytes::new(), gas)
}

/// Ethereum's precompiles but for those that have a fault.
#[derive(Debug)]
pub(crate) struct Precompiles<'a> {
    inner: EthPrecompiles,
    faults: &'a [(u8, Fault)],
}

impl<'a> Precompiles<'a> {
    pub(crate) fn new(faults: &'a [(u8, Fault)]) -> Self {
        Self {
            inner: EthPrecompiles::new(SpecId::OSAKA),
            faults,
        }
    }
}

impl<CTX: ContextTr<Cfg: Cfg<Spec = SpecId>>> PrecompileProvider<CTX> for Precompiles<'_> {
    type Output = InterpreterResult;

    fn set_spec(&mut self, spec: SpecId) -> bool {
        <EthPrecompiles as PrecompileProvider<CTX>>::set_spec(&mut self.inner, spec)
    }

    fn run(
        &mut self,
        context: &mut CTX,
        inputs: &CallInputs,
    ) -> Result<Option<InterpreterResult>, String> {
        let at = inputs.bytecode_address;
        match self
            .faults
            .iter()
            .find(|(low, _)| at == Address::with_last_byte(*low))
        {
            Some((_, Fault::Costs(price))) => {
                let mut ample = inputs.clone();
                ample.gas_limit = u64::MAX;
                let result = self.inner.run(context, &ample)?;
                Ok(result.map(|result| priced(result, inputs.gas_limit, *price)))
            }
            Some((_, fault)) => Ok(fault.result(inputs.gas_limit)),
            None => self.inner.run(context, inputs),
        }
    }

    fn warm_addresses(&self) -> &AddressSet {
        self.inner.warm_addresses()
    }
}
