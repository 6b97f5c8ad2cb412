// linear_synth_judge: takes commands, judges them against the parameters, hands the legal ones on.
//
// A command that does not fit gives cause_o and stays there until clear_i; nothing behind it is taken.
//
// Latency:      2 cycles.
// Throughput:   one command a cycle.
// Back-pressure: s_ready_o depends only on registers and stop_i.
//
// Parameters: as in linear_synth
module linear_synth_judge
  import linear_synth_pkg::*;
#(
    parameter int unsigned Slices = 2,
    parameter int unsigned Width = 16,
    parameter int unsigned Lanes = 2,
    parameter int unsigned Units = 32,
    parameter int unsigned Slots = 32,
    parameter int unsigned Centroids = 64,
    parameter int unsigned ActW = 12,
    parameter int unsigned MaxInputs = 4096,
    parameter int unsigned MaxPositions = 4096,
    parameter int unsigned Tokens = 1,
    parameter bit Gather = 1'b0
) (
    input  logic           clk_i,
    input  logic           rst_ni,
    input  logic           clear_i,
    input  logic           stop_i,     // take no more
    input  command_t       s_cmd_i,
    input  logic           s_valid_i,
    output logic           s_ready_o,
    output command_t       m_cmd_o,
    output logic           m_valid_o,
    input  logic           m_ready_i,
    output logic           busy_o,
    output command_cause_e cause_o
);
  localparam int unsigned Granule = (Units > Width) ? Units : Width;  // whole words of lookups, whole beats of results

  command_t raw;
  logic in_ready, raw_valid, raw_ready, judged;
  logic [10:1] raw_bad, bad;  // by command_cause_e
  command_cause_e cause;

  spill_register #(
      .Width($bits(command_t))
  ) i_raw (
      .clk_i, .rst_ni(rst_ni && !clear_i), .s_data_i(s_cmd_i), .s_valid_i(s_valid_i && !stop_i), .s_ready_o(in_ready),
      .m_data_o(raw), .m_valid_o(raw_valid), .m_ready_i(raw_ready)
  );

  wire search = Gather && raw.mode == ModeSearch;
  wire gather = Gather && raw.mode == ModeGather;
  wire synth = !search && !gather;  // a mode that is not there too: nothing else is found wrong with it
  assign raw_bad[CommandBits] = synth && (raw.act_bits < 4'd8 || raw.act_bits > 4'(ActW));
  assign raw_bad[CommandCode] = synth ? 32'd16 << raw.code > Centroids : raw.code != (search ? 2'd2 : 2'd0);
  assign raw_bad[CommandInputs] = !gather && (raw.inputs == '0 || 32'(raw.inputs) > MaxInputs);
  assign raw_bad[CommandOutputs] = !search
      && (raw.outputs == '0 || raw.outputs % 19'(OutputStep) != '0 || raw.outputs > 19'd262144);
  assign raw_bad[CommandPositions] = raw.positions == '0 || raw.positions % 16'(Lanes) != '0
      || 32'(raw.positions) > MaxPositions || (!synth && 32'(raw.positions) > MaxInputs);
  assign raw_bad[CommandGroup] = !search
      && (raw.group == '0 || raw.group % 16'(Granule) != '0 || 32'(raw.group) > Units * Slots);
  assign raw_bad[CommandSubsets] = !search
      && (32'(raw.subsets) > $clog2(Slices) || raw.positions / 16'(Lanes) >> raw.subsets == '0);
  assign raw_bad[CommandBeats] = raw.beats == '0 || raw.beats[31:27] != '0;  // 32 bits of bytes
  assign raw_bad[CommandTokens] = raw.tokens == '0 || 32'(raw.tokens) > (synth ? Tokens : 1);
  assign raw_bad[CommandMode] = synth && raw.mode != ModeSynth;

  spill_register #(
      .Width($bits(command_t) + 10)
  ) i_judged (
      .clk_i, .rst_ni(rst_ni && !clear_i), .s_data_i({raw_bad, raw}), .s_valid_i(raw_valid), .s_ready_o(raw_ready),
      .m_data_o({bad, m_cmd_o}), .m_valid_o(judged), .m_ready_i(m_ready_i && m_valid_o)
  );

  always_comb begin
    cause = CommandNone;
    for (int unsigned i = 10; i >= 1; i--) if (bad[i]) cause = command_cause_e'(4'(i));
  end

  wire refused = judged && bad != '0;
  assign s_ready_o = in_ready && !stop_i;
  assign m_valid_o = judged && bad == '0 && !stop_i;
  assign busy_o    = raw_valid || judged;

  always_ff @(posedge clk_i) begin
    if (!rst_ni || clear_i) cause_o <= CommandNone;
    else if (refused) cause_o <= cause;
  end

  a_refused_stays :
  assert property (@(posedge clk_i) disable iff (!rst_ni || clear_i) refused |=> refused && cause_o != CommandNone);
endmodule
