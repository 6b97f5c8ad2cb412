// accel_interleave: the order in which the descriptors of a pass begin. A pass of up to Tokens tokens is one batch and takes them as
// they come. A longer one has two batches, and every descriptor comes twice: the second batch follows the first, Lag linears behind.
//
// So linears of the two take turns, and while one batch has its linear the other one has norms, RoPE, attention and SwiGLU. Each
// batch's own descriptors stay in the order of the program, and the second never comes before the first: no result depends on it.
//
//   first    N qkv .. A o | N gate_up | S down | N qkv .. A o      ..     N norm, A attention, S SwiGLU: up to and with the linear
//   second                              N qkv  | .. A o | N gate_up  ..   Lag = 2
//
// Latency:       none for the first batch, from descriptor to descriptor one cycle more where the turn changes.
// Throughput:    a descriptor a cycle.
// Back-pressure: m_ready_i stops it; readies depend on m_ready_i. With Depth descriptors of the second batch here the second has its turn.
// End comes once, behind everything.
//
// Parameters:
//   Tokens   of a batch at most
//   Batches  1: passes of one batch only; 2
//   Lag      linears
//   Depth    descriptors of the second batch that can wait
// Ports:
//   count_i  tokens of the pass, stable during it
module accel_interleave
  import accel_pkg::*;
#(
    parameter int unsigned Tokens = 1,
    parameter int unsigned Batches = 2,
    parameter int unsigned Lag = 2,
    parameter int unsigned Depth = 32
) (
    input  logic                      clk_i,
    input  logic                      rst_ni,
    input  logic      [TokenPlaceW:0] count_i,
    input  descriptor_t               s_op_i,
    input  logic                      s_valid_i,
    output logic                      s_ready_o,
    output step_t                     m_step_o,
    output logic                      m_valid_o,
    input  logic                      m_ready_i
);
  logic [15:0] number_q;  // of s_op_i
  wire is_end = operation(s_op_i) == OpEnd;
  wire m_take = m_valid_o && m_ready_i;
  wire s_take = s_valid_i && s_ready_o;
  always_ff @(posedge clk_i) begin
    if (!rst_ni) number_q <= '0;
    else if (s_take) number_q <= is_end ? '0 : number_q + 16'd1;
  end

  if (Batches == 1) begin : gen_one
    assign m_step_o  = '{op: s_op_i, batch: 1'b0, number: number_q};
    assign m_valid_o = s_valid_i;
    assign s_ready_o = m_ready_i;
    wire unused = ^{count_i, m_take};
  end else begin : gen_two
    localparam int unsigned LagW = $clog2(Lag + 2);
    logic second_q;  // whose turn it is
    logic [LagW-1:0] ahead_q;  // linears that the first is ahead of the second
    descriptor_t op;
    logic [15:0] number;
    logic room, waiting;
    logic [$clog2(Depth+1)-1:0] level;
    wire two = count_i > (TokenPlaceW + 1)'(Tokens);
    wire hold = two && (is_end ? waiting : !room);  // the second has to go on first
    assign m_step_o  = second_q ? '{op: op, batch: 1'b1, number: number} : '{op: s_op_i, batch: 1'b0, number: number_q};
    assign m_valid_o = second_q ? waiting : s_valid_i && !hold;
    assign s_ready_o = !second_q && m_ready_i && !hold;
    wire linear = m_take && operation(m_step_o.op) inside {OpLinearSynth, OpLinearTable, OpGather};

    fifo #(.Width($bits(descriptor_t) + 16), .Depth(Depth)) u_second (
        .clk_i, .rst_ni, .clear_i(1'b0), .s_data_i({s_op_i, number_q}), .s_valid_i(s_take && two && !is_end), .s_ready_o(room),
        .m_data_o({op, number}), .m_valid_o(waiting), .m_ready_i(second_q && m_ready_i), .level_o(level)
    );
    always_ff @(posedge clk_i) begin
      if (!rst_ni) begin
        second_q <= 1'b0;
        ahead_q  <= '0;
      end else if (second_q) begin
        if (linear && ahead_q != '0) ahead_q <= ahead_q - LagW'(1);
        if (linear || !waiting) second_q <= 1'b0;
      end else begin
        if (linear && two) ahead_q <= ahead_q + LagW'(ahead_q != LagW'(Lag + 1));
        if (s_take && is_end) ahead_q <= '0;
        second_q <= (linear && two && ahead_q >= LagW'(Lag)) || (s_valid_i && hold && waiting);
      end
    end
    wire unused = ^level;
    a_behind :  // what the second has, the first had
    assert property (@(posedge clk_i) disable iff (!rst_ni) second_q && m_take |-> number < number_q);
  end
  if (Batches < 1 || Batches > 2) $error("%m: Batches is %0d, allowed: 1, 2", Batches);
endmodule
